def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    return Valkey(
        host,
        port,
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        decode_responses=True,
        retry_on_timeout=True,
    )
