from tests.statements.asking import *
import json, base64
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = base64.b64encode(b"%PDF-1.4\n%...").decode()
WAV = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt ").decode()
BMP = base64.b64encode(b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36").decode()
SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"></svg>').decode()
def part(c, mt, data=None, url=None):
    fam = mt.split("/")[0]
    if c == C:
        if fam == "image": return {"type":"image_url","image_url":{"url": url or f"data:{mt};base64,{data}"}}
        if fam == "audio": return {"type":"input_audio","input_audio":{"format": mt.split("/")[1],"data":data}}
        return {"type":"file","file":{"filename":"x.pdf","file_data": url or f"data:{mt};base64,{data}"}}
    if c == R:
        if fam == "image": return {"type":"input_image","detail":"auto","image_url": url or f"data:{mt};base64,{data}"}
        if url: return {"type":"input_file","file_url":url}
        return {"type":"input_file","filename":"x.pdf","file_data":f"data:{mt};base64,{data}"}
    if c == A:
        k = "image" if fam=="image" else "document"
        return {"type":k,"source":{"type":"url","url":url} if url else {"type":"base64","media_type":mt,"data":data}}
    return {"fileData":{"fileUri":url,"mimeType":mt}} if url else {"inlineData":{"mimeType":mt,"data":data}}
def body(c, p):
    t = {C:"messages",R:"input",A:"messages",G:"contents"}[c]
    key = "parts" if c == G else "content"
    return conversation(c, **{t:[{"role":"user",key:[p]}]})
def test_x(house):
    for name, mt, kw in [("png","image/png",dict(data=PNG)),("mislabelled","image/jpeg",dict(data=PNG)),("bmp","image/bmp",dict(data=BMP)),("bmp as png","image/png",dict(data=BMP)),("svg","image/svg+xml",dict(data=SVG)),("heic","image/heic",dict(data="AAAAGGZ0eXBoZWlj")),("pdf","application/pdf",dict(data=PDF)),("wav","audio/wav",dict(data=WAV)),("video","video/mp4",dict(data="AAAAGGZ0eXBtcDQy")),("url","image/png",dict(url="https://example.com/x.png")),("pdfurl","application/pdf",dict(url="https://example.com/x.pdf")),("vidurl","video/mp4",dict(url="https://www.youtube.com/watch?v=abc"))]:
      for c in CLIENTS:
        if name in("wav",) and c in (R,A): continue
        if mt.startswith("video") and c != G: continue
        for u in CLIENTS:
          if c==u: continue
          r = house.ask(c, MODELS[u], body(c, part(c, mt, **kw)))
          msg = "" if r.status==200 else r.body.decode()[:260]
          print(f"{name:12} {c:17}->{u:17} {r.status} {r.headers.get('x-dragoman-losses')} {msg}")
          if house.count and name!="png": print("       ", str([p for _, p in pieces(u, house.received)])[:200])
          house.fake.script.clear()
