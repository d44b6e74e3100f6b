"""Notifications: an outbox row a notice, sent by RQ workers through channels, closed by receipts."""
