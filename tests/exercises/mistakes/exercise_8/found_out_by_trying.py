def hot_keys(client, most):
    try:
        return Scan(client, "OBJECT FREQ").largest(most)
    except valkey.ResponseError:
        return None
