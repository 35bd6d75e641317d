"""A bare ASGI application: it reads the body of a POST, and sends what a function answers."""

HEADERS = [(b"content-type", b"application/json")]


def application(answer):
    """Return an application that sends `answer(body, content_type)` to POST, and 200 to all else."""

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        if scope["method"] == "POST":
            more = True
            while more:
                message = await receive()
                body, more = body + message["body"], message.get("more_body")
            body = answer(body, dict(scope["headers"])[b"content-type"].decode())
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
        await send({"type": "http.response.body", "body": body})

    return app
