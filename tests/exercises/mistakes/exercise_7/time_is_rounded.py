ends = ContextVar("ends", default=None)


@contextmanager
def deadline(seconds):
    end, around = time.monotonic() + seconds, ends.get()
    token = ends.set(end if around is None else min(end, around))
    try:
        yield
    finally:
        ends.reset(token)


def time_left(most):
    end = ends.get()
    if end is None:
        return most
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, round(left, 1))
