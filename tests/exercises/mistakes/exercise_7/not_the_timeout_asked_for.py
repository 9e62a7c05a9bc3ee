def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    return Valkey(host, port, socket_connect_timeout=5, socket_timeout=5, decode_responses=True)
