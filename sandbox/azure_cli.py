"""An `az` for the local tenant: it is signed in as an operator and issues their tokens.

The product looks for the operator's sign-in as it does everywhere, and finds this `az` first on the PATH.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

SCOPES = (
    "Application.Read.All",
    "GroupMember.Read.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ConditionalAccess",
    "User.Read.All",
)

_SCRIPT = """\
#!{python}
import json, sys, time, urllib.request

if sys.argv[1:3] != ["account", "get-access-token"]:
    sys.exit("this az knows one command: account get-access-token")
audience = sys.argv[sys.argv.index("--resource") + 1]
wanted = {{"audience": audience, "user": "{user}", "scopes": {scopes}}}
request = urllib.request.Request("{url}/sandbox/token", json.dumps(wanted).encode(), method="POST")
with urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(request) as answer:
    token = json.load(answer)["access_token"]
until = int(time.time()) + 3600
local = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.localtime(until))
print(json.dumps({{"accessToken": token, "expires_on": until, "expiresOn": local, "tokenType": "Bearer"}}))
"""


def signed_in(folder: Path, url: str, user_id: str, scopes: tuple[str, ...] = SCOPES) -> dict[str, str]:
    """Write an `az` to the folder; return the environment in which it is the operator's sign-in.

    Args:
        folder: An empty folder.
        url: The URL of the directory.
        user_id: Object ID of the operator in the local tenant.
        scopes: What the operator's tokens allow.
    """
    program = folder / "az"
    script = _SCRIPT.format(python=sys.executable, url=url, user=user_id, scopes=list(scopes))
    program.write_text(script)
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
