@contextmanager
def span(name, export):
    own, parent, error = str(time.time_ns()), Current.span.get(), None
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
        with suppress(Exception):
            export(Span(own, parent, name, seconds, error))
