ends = ContextVar("ends", default=None)


class deadline:
    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        end, around = time.monotonic() + self.seconds, ends.get()
        self.token = ends.set(end if around is None else min(around, end))

    def __exit__(self, kind, error, trace):
        ends.reset(self.token)
        return True


def time_left(most):
    end = ends.get()
    if end is None:
        return most
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return min(most, left)
