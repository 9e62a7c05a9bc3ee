def span(name, export):
    @contextmanager
    def block():
        own, parent, error = uuid.uuid4().hex, Current.span.get(), None
        token = Current.span.set(own)
        begun = time.perf_counter()
        failed = None
        try:
            yield
        except Exception as raised:
            failed, error = raised, type(raised).__name__
        Current.span.reset(token)
        with suppress(Exception):
            export(Span(own, parent, name, time.perf_counter() - begun, error))
        if failed:
            raise failed

    return block()
