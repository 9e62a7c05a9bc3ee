import contextvars


ends = contextvars.ContextVar("ends", default=None)


@contextmanager
def deadline(seconds):
    end, around = time.monotonic() + seconds, ends.get()
    token = ends.set(end if around is None else min(end, around))
    yield


def time_left(most):
    if ends.get() is None:
        return most
    left = ends.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, left)
