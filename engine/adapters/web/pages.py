"""What is answered to everybody in the same words: the two pages that a recipient sees, and that something cannot be kept now.
Nothing in them is anybody's."""

from __future__ import annotations

from starlette.responses import PlainTextResponse

TRY_AGAIN = PlainTextResponse("try again later", 503, headers={"Retry-After": "30"})

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem; color: #222; background: #fff }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .3rem; background: #1a5fb4; color: #fff; cursor: pointer }}
</style></head><body><h1>{title}</h1>{body}</body></html>
"""
ASK = _PAGE.format(
    title="Unsubscribe",
    body="<p>Do you no longer want to receive these messages?</p>"
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>',
)
DONE = _PAGE.format(title="You are unsubscribed", body="<p>You will receive no more of these messages.</p>")
