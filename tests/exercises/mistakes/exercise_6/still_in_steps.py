def cached_page(client, url, render):
    values, order, uses = Keys("pages", "pages").three
    html = client.hget(values, url)
    if html is not None:
        client.zadd(order, {url: client.incr(uses)}, xx=True)
        return html
    html = render(url)
    client.hset(values, url, html)
    client.zadd(order, {url: client.incr(uses)})
    if client.zcard(order) > PAGES:
        [(oldest, _)] = client.zpopmin(order)
        client.hdel(values, oldest)
    return html
