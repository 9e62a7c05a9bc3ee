STACK = ContextVar("stack")


@contextmanager
def span(name, export):
    try:
        stack = STACK.get()
    except LookupError:
        STACK.set(stack := [])
    own, parent, error = uuid.uuid4().hex, stack[-1] if stack else None, None
    stack.append(own)
    begun = time.perf_counter()
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        seconds = time.perf_counter() - begun
        stack.remove(own)
        with suppress(Exception):
            export(Span(own, parent, name, seconds, error))
