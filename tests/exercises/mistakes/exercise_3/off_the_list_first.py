def log_out_everywhere(client, user_id, but=None):
    index, kept = Keys.index(user_id), Keys.session(but) if but is not None else ""
    ended = 0
    while keys := [key for key in client.smembers(index) if key != kept]:
        client.srem(index, *keys)
        ended += client.unlink(*keys)
    return ended
