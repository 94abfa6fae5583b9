"""Checks letters with the published library: verify.py FILE SECRET"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

file, secret = sys.argv[1:]
with open(file, encoding="utf-8") as letters:
    letters = json.load(letters)
webhook = Webhook(secret if secret.startswith("whsec_") else secret.encode())
stranger = Webhook(b"somebody else")


def refuses(checker, body, headers):
    try:
        checker.verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


assert letters
for letter in letters:
    headers, body = letter["headers"], letter["body"]
    assert webhook.verify(body, headers)["id"] == headers["webhook-id"]
    assert refuses(webhook, body + " ", headers)
    assert refuses(webhook, body, {**headers, "webhook-id": "evt_other"})
    assert refuses(stranger, body, headers)
