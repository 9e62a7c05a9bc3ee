ends = ContextVar("ends", default=None)


class deadline:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def __enter__(self):
        around = ends.get()
        self.token = ends.set(self.end if around is None else min(around, self.end))

    def __exit__(self, kind, error, trace):
        ends.reset(self.token)


def time_left(most):
    end = ends.get()
    if end is None:
        return most
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, left)
