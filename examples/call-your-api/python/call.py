"""Calls the API as an application of Entra, or of B2C with --b2c, with nothing but Python's standard library.

    python3 call.py getcode|hello-graph [--b2c]      environment: see docs/calling.md
"""
import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

b2c = "--b2c" in sys.argv
endpoint = next((word for word in sys.argv[1:] if not word.startswith("--")), "hello-graph")
env = os.environ
# The local cloud has a certificate authority of its own; elsewhere the system's are enough.
context = ssl.create_default_context(cafile=env.get("LOCAL_CLOUD_CA_FILE"))

if b2c:
    name, policy = env["B2C_TENANT_NAME"], env["B2C_POLICY"].split(",")[0]
    host = env.get("B2C_AUTHORITY_HOST") or f"https://{name}.b2clogin.com"
    token_url = f"{host}/{name}.onmicrosoft.com/{policy}/oauth2/v2.0/token"
else:
    host = env.get("ENTRA_AUTHORITY_HOST") or "https://login.microsoftonline.com"
    token_url = f"{host}/{env['ENTRA_TENANT_ID']}/oauth2/v2.0/token"
prefix = "B2C_CALLER" if b2c else "CALLER"
form = {
    "grant_type": "client_credentials",
    "client_id": env[f"{prefix}_CLIENT_ID"],
    "client_secret": env[f"{prefix}_CLIENT_SECRET"],
    "scope": env[f"{prefix}_SCOPE"],
}
with urllib.request.urlopen(token_url, urllib.parse.urlencode(form).encode(), context=context) as answer:
    token = json.load(answer)["access_token"]

url = f"{env.get('API_URL', 'http://127.0.0.1:3000')}/api/v1/{endpoint}"
request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as refusal:
    sys.exit(refusal.read().decode())
