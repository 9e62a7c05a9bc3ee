import contextvars


ends = contextvars.ContextVar("ends", default=None)


@contextmanager
def deadline(seconds):
    end, around = time.monotonic() + seconds, ends.get()
    token = ends.set(end if around is None else min(end, around))
    try:
        yield
    finally:
        ends.reset(token)


def time_left(most):
    if ends.get() is None:
        return most
    left = ends.get() - time.monotonic()
    return max(0, min(most, left))
