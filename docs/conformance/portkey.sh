#!/bin/sh
# Measure Portkey. It is configured by headers of each request, and takes the upstream's key from its client.
#
# Start:  npm install @portkey-ai/gateway@1.15.2 @hono/node-server@1.3.3 hono@4.9.7
#         rm -rf node_modules/@portkey-ai/gateway/node_modules/@hono/node-server
#         NODE_ENV=production node node_modules/@portkey-ai/gateway/build/start-server.js --headless --port=8797
#
# The second line: with the newest @hono/node-server that npm would install, every stream fails with status 500.
exec dragoman conformance --name "Portkey 1.15.2" --base-url http://127.0.0.1:8797 \
  --key sk-conformance-upstream-7305 --header 'authorization: Bearer sk-conformance-upstream-7305' \
  --upstream-header 'openai-chat=x-portkey-provider: openai' \
  --upstream-header 'openai-chat=x-portkey-custom-host: http://127.0.0.1:9110/v1' \
  --upstream-header 'openai-responses=x-portkey-provider: openai' \
  --upstream-header 'openai-responses=x-portkey-custom-host: http://127.0.0.1:9111/v1' \
  --upstream-header 'anthropic=x-portkey-provider: anthropic' \
  --upstream-header 'anthropic=x-portkey-custom-host: http://127.0.0.1:9112/v1' \
  --upstream-header 'gemini=x-portkey-provider: google' \
  --upstream-header 'gemini=x-portkey-custom-host: http://127.0.0.1:9113' \
  --model openai-chat=gpt-4o --model openai-chat.reasoning=gpt-5 \
  --model openai-chat.embedding=text-embedding-3-small \
  --model openai-responses=gpt-4o --model openai-responses.reasoning=gpt-5 \
  --model anthropic=claude-sonnet-4-5 --model anthropic.reasoning=claude-sonnet-4-5 \
  --model gemini=gemini-2.5-flash --model gemini.reasoning=gemini-3-pro-preview \
  --model gemini.embedding=gemini-embedding-001 "$@"
