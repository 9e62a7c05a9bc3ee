def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    return Valkey(host, port, decode_responses=True)
