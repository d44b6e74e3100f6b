"""Floor of ``wechat-read``: bare Flask and wechatpy. Decrypt, parse, echo the reply encrypted; nothing is checked."""

import os

from flask import Flask, Response, request
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto

app = Flask(__name__)
crypto = WeChatCrypto(os.environ["WECHAT_TOKEN"], os.environ["WECHAT_ENCODING_AES_KEY"], os.environ["WECHAT_APP_ID"])


@app.post("/wechat")
def push() -> Response:
    """Echo a push."""
    query = request.args
    message = parse_message(
        crypto.decrypt_message(request.get_data(), query["msg_signature"], query["timestamp"], query["nonce"])
    )
    reply = create_reply(message.content, message).render()
    return Response(crypto.encrypt_message(reply, query["nonce"], query["timestamp"]), content_type="text/xml")
