def hot_keys(client, most):
    return Scan(client, "OBJECT FREQ").largest(most)
