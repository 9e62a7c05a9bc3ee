def span(name, export):
    @contextmanager
    def block():
        own, parent, error = uuid.uuid4().hex, Current.span.get(), None
        token = Current.span.set(own)
        begun = time.perf_counter()
        try:
            yield
        except Exception as raised:
            error = type(raised).__name__
            raise
        finally:
            Current.span.reset(token)
            with suppress(Exception):
                export(Span(own, parent, name, time.perf_counter() - begun, error))

    return block()
