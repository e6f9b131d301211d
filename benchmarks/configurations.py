"""How each gateway is configured: `format` puts in ports and keys."""

from typing import NamedTuple


class Ports(NamedTuple):
    """Where the upstreams listen: those with 3 ms, 1 ms and 250 ms between the pieces of a stream."""

    upstream: int
    brisk: int
    patient: int


DRAGOMAN = """
[server]
port = {port}
[log]
level = "warning"
[providers.openai]
base_url = "http://127.0.0.1:{ports.upstream}/v1"
api_key = "{key}"
[providers.anthropic]
base_url = "http://127.0.0.1:{ports.upstream}"
api_key = "{key}"
[providers.gemini]
base_url = "http://127.0.0.1:{ports.upstream}"
api_key = "{key}"
[providers.brisk]
dialect = "openai_chat"
base_url = "http://127.0.0.1:{ports.brisk}/v1"
api_key = "{key}"
[providers.brisk-anthropic]
dialect = "anthropic"
base_url = "http://127.0.0.1:{ports.brisk}"
api_key = "{key}"
[providers.brisk-gemini]
dialect = "gemini"
base_url = "http://127.0.0.1:{ports.brisk}"
api_key = "{key}"
[providers.patient]
dialect = "openai_chat"
base_url = "http://127.0.0.1:{ports.patient}/v1"
api_key = "{key}"
[prices."brisk*/*"]
input = 2.5
output = 10.0
[prices."patient/*"]
input = 2.5
output = 10.0
[routes."gpt-4o"]
targets = ["openai/gpt-4o"]
[routes."sonnet"]
targets = ["anthropic/claude-sonnet-4-5"]
[routes."flash"]
targets = ["gemini/gemini-2.5-flash"]
[routes."brisk"]
targets = ["brisk/gpt-4o"]
[routes."brisk-sonnet"]
targets = ["brisk-anthropic/claude-sonnet-4-5"]
[routes."brisk-flash"]
targets = ["brisk-gemini/gemini-2.5-flash"]
[routes."patient"]
targets = ["patient/gpt-4o"]
"""

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 64m; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream behind {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 100000000; }}
  proxy_http_version 1.1; proxy_set_header Connection "";
  server {{
    listen 127.0.0.1:{ports[0]} backlog=8192;
    location / {{ proxy_pass http://behind; }}
  }}
  server {{
    listen 127.0.0.1:{ports[1]} backlog=8192;
    location / {{ proxy_pass http://behind; proxy_buffering off; }}
  }}
}}
"""

LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:{ports.upstream}/v1
      api_key: {key}
      use_chat_completions_api: true
  - model_name: sonnet
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_base: http://127.0.0.1:{ports.upstream}
      api_key: {key}
  - model_name: flash
    litellm_params:
      model: gemini/gemini-2.5-flash
      api_base: http://127.0.0.1:{ports.upstream}/v1beta
      api_key: {key}
litellm_settings:
  use_chat_completions_url_for_anthropic_messages: true
  drop_params: true
  num_retries: 0
router_settings:
  num_retries: 0
  disable_cooldowns: true
general_settings:
  master_key: {master_key}
"""
