from flask import Blueprint


def blueprint(world):
    return Blueprint("page", __name__)
