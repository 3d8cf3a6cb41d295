"""The fixtures of this folder: each fault of a page is noticed, and a good page has none."""

from browser import Opener, audit, wide

HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>'
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
)


def page(body: str, head: str = "") -> str:
    return f"{HEAD}{head}</head><body><main><h1>A page</h1>{body}</main></body></html>"


def faults(open_page: Opener, html: str) -> list[str]:
    """The faults of a page, taken out of the account that fails the test."""
    opened = open_page(html)
    opened.wait_for_timeout(100)
    noticed, open_page.faults = open_page.faults, []
    return noticed


def test_a_good_page_has_no_fault(open_page: Opener) -> None:
    opened = open_page(page("<p>Text.</p><script>console.log('fine')</script>", POLICY))
    assert opened.title() == "A page"
    assert audit(opened) == []
    assert not wide(opened)


def test_messages_of_the_console_are_faults(open_page: Opener) -> None:
    script = "<script>console.error('broken'); console.warn('odd'); console.log('fine')</script>"
    assert faults(open_page, page(script)) == ["console error: broken", "console warning: odd"]


def test_an_uncaught_error_is_a_fault(open_page: Opener) -> None:
    (fault,) = faults(open_page, page("<script>throw new Error('lost')</script>"))
    assert fault.startswith("uncaught error") and "lost" in fault


def test_a_rejected_promise_is_a_fault(open_page: Opener) -> None:
    (fault,) = faults(open_page, page("<script>Promise.reject(new Error('late'))</script>"))
    assert "late" in fault


def test_a_request_is_a_fault_and_is_stopped(open_page: Opener) -> None:
    noticed = faults(open_page, page('<img alt="far" src="https://example.org/far.png">'))
    assert noticed[0] == "request: GET https://example.org/far.png"


def test_another_file_is_a_fault(open_page: Opener) -> None:
    (open_page.folder / "near.css").write_text("p { color: red }")
    noticed = faults(open_page, page("", '<link rel="stylesheet" href="near.css">'))
    assert noticed[0].startswith("request: GET file:///")


def test_a_breach_of_the_policy_is_a_fault(open_page: Opener) -> None:
    noticed = faults(open_page, page('<img alt="x" src="https://example.org/x.png">', POLICY))
    assert any("Content Security Policy" in fault for fault in noticed)


def test_data_and_blobs_are_no_faults(open_page: Opener) -> None:
    script = """<img alt="dot" id="dot"><script>
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>';
    const blob = new Blob([svg], {type: 'image/svg+xml'});
    document.getElementById('dot').src = URL.createObjectURL(blob);
    </script><img alt="empty" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">"""
    assert faults(open_page, page(script)) == []


def test_the_audit_names_what_is_wrong(open_page: Opener) -> None:
    violations = audit(open_page(page('<p style="color: #ccc">Pale.</p><button></button>')))
    assert {violation.rule for violation in violations} == {"button-name", "color-contrast"}
    assert all(violation.nodes for violation in violations)


def test_a_page_that_scrolls_sideways_is_wide(open_page: Opener) -> None:
    broad = page('<div style="width: 600px">x</div>')
    assert wide(open_page(broad, width=400))
    assert not wide(open_page(broad, width=1280))


def test_a_page_is_opened_dark_and_without_scripts(open_page: Opener) -> None:
    script = "<script>document.title = 'Changed'</script>"
    assert open_page(page(script), javascript=False).title() == "A page"
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    assert open_page(page(script), dark=True).evaluate(dark)
    assert not open_page(page(script)).evaluate(dark)
