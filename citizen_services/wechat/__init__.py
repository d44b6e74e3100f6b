"""The official account's door: pushes verified and answered, conversation, menu, OAuth."""
