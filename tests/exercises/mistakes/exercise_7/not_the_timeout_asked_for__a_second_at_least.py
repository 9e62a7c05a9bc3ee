def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    timeout = max(1, timeout)
    return Valkey(
        host, port, socket_connect_timeout=timeout, socket_timeout=timeout, decode_responses=True
    )
