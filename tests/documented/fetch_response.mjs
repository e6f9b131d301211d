// A streamed response, read piece by piece. Prints each event's data on a line of its own.
const { BASE_URL, API_KEY, MODEL } = process.env;

const response = await fetch(`${BASE_URL}/v1/responses`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${API_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    model: MODEL,
    input: "Count to 30",
    stream: true,
  }),
});
if (!response.ok) {
  throw new Error(`HTTP ${response.status}: ${await response.text()}`);
}
const reader = response.body.getReader();
const decoder = new TextDecoder();
let rest = "";
for (;;) {
  const { value, done } = await reader.read();
  if (done) break;
  rest += decoder.decode(value, { stream: true });
  const frames = rest.split("\n\n");
  rest = frames.pop();
  for (const frame of frames) {
    console.log(frame.replace(/^event: .*\ndata: /, ""));
  }
}
