"""Floor of ``wechat-write``: the same echo with one committed insert, by Flask-SQLAlchemy as it comes."""

import os
from datetime import UTC, datetime

from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import insert
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["FLOOR_DATABASE_URL"]
db = SQLAlchemy(app)
crypto = WeChatCrypto(os.environ["WECHAT_TOKEN"], os.environ["WECHAT_ENCODING_AES_KEY"], os.environ["WECHAT_APP_ID"])


class Follower(db.Model):  # type: ignore[name-defined]
    """Who follows the account."""

    openid = db.Column(db.Text, primary_key=True)
    followed_at = db.Column(db.DateTime(timezone=True), nullable=False)


with app.app_context():
    db.create_all()


@app.post("/wechat")
def push() -> Response:
    """Note a new follower and greet."""
    query = request.args
    message = parse_message(
        crypto.decrypt_message(request.get_data(), query["msg_signature"], query["timestamp"], query["nonce"])
    )
    db.session.execute(insert(Follower).values(openid=message.source, followed_at=datetime.now(UTC)))
    db.session.commit()
    reply = create_reply("欢迎关注", message).render()
    return Response(crypto.encrypt_message(reply, query["nonce"], query["timestamp"]), content_type="text/xml")
