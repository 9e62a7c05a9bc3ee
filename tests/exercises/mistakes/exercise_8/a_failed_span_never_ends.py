def span(name, export):
    @contextmanager
    def block():
        own, parent = uuid.uuid4().hex, Current.span.get()
        token = Current.span.set(own)
        begun = time.perf_counter()
        try:
            yield
        except BaseException as raised:
            with suppress(Exception):
                seconds = time.perf_counter() - begun
                export(Span(own, parent, name, seconds, type(raised).__name__))
            raise
        Current.span.reset(token)
        with suppress(Exception):
            export(Span(own, parent, name, time.perf_counter() - begun, None))

    return block()
