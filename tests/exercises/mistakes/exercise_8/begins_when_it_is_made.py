def span(name, export):
    own, parent = uuid.uuid4().hex, Current.span.get()
    begun = time.perf_counter()

    @contextmanager
    def block():
        token, error = Current.span.set(own), None
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            Current.span.reset(token)
            with suppress(Exception):
                export(Span(own, parent, name, time.perf_counter() - begun, error))

    return block()
