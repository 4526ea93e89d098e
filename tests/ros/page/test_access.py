"""Who may ask: the page itself, and no page of somebody else."""

import pytest


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}],
    ids=lambda headers: "{}: {}".format(*next(iter(headers.items()))),
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/state"), ("GET", "/image/left"), ("POST", "/api/calibrate")])
def test_other_pages_and_host_names_are_refused(page, method, path, headers):
    assert page.ask(method, path, page.goal() if method == "POST" else None, **headers)[0] == 403


def test_the_page_itself_may_order(page):
    # Nothing runs that could be cancelled.
    assert page.ask("POST", "/api/cancel", {}, Origin=f"http://127.0.0.1:{page.port}")[0] == 409


def test_what_a_form_could_send_or_is_no_order_is_refused(page):
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        assert page.ask("POST", "/api/calibrate", page.goal(), Content_Type=content_type)[0] == 415
    assert page.order("click", {"camera": "left", "u": 1})[0] == 422
    assert page.order("click", {"x": "y" * 20_000})[0] == 413


def test_the_page_is_one_file_that_loads_nothing(page):
    status, headers, text = page.ask("GET", "/")
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    assert b"http://" not in text.replace(b"http://www.w3.org/2000/svg", b"") and b"https://" not in text
