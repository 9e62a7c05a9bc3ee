@contextmanager
def span(name, export):
    own, parent, error = uuid.uuid4().hex, Current.span.get(), None
    token = Current.span.set(own)
    begun = time.perf_counter()
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        seconds = time.perf_counter() - begun
        Current.span.reset(token)
        with suppress(OSError, RuntimeError, ValueError):
            export(Span(own, parent, name, seconds, error))
