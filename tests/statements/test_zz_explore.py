from tests.statements.asking import *
from dragoman.testing.exchange import json_answer
from dragoman.testing.script import Scripted

def test_x(house):
    for c in CLIENTS:
      for st in (400, 429, 500, 529):
        for stream in (False, True):
          house.fake.script.add(json_answer(st, b'{"type":"error", "error":{"type":"invalid_request_error","message":"x \\u00e9", "new":[1.0]},"request_id":"req_1"}'))
          r = house.ask(c, MODELS[c], conversation(c, user("Hello")), stream=stream)
          print(c, st, stream, r.status, r.body[:300])
