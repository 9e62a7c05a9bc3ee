def span(name, export):
    @contextmanager
    def block():
        parent, error = Current.span.get(), None
        token = Current.span.set(name)
        begun = time.perf_counter()
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            Current.span.reset(token)
            with suppress(Exception):
                export(Span(name, parent, name, time.perf_counter() - begun, error))

    return block()
