// The way out of one service: tunnels to the hosts that its configuration names, and nothing else. Our own, because no
// official image of a proxy takes a list for each service, and because Node's image is on the host already.
import { createHash, timingSafeEqual } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { createServer, STATUS_CODES } from 'node:http'
import { BlockList, connect } from 'node:net'

const config = JSON.parse(readFileSync(new URL('config.json', import.meta.url)))
const allowed = new Set(config.allowed)
const credentials = Buffer.from(config.credentials, 'hex')

// Whoever owns an allowed name decides what it resolves to: not this container, a cloud's metadata service, the platform.
const inner = new BlockList()
for (const range of ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '::/127', 'fe80::/10', ...config.inner]) {
  const [address, prefix] = range.split('/')
  inner.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4')
}

const log = (said) => console.log(JSON.stringify({ time: new Date().toISOString(), ...said }))

function refuse(socket, status, reason, host) {
  log({ event: 'refused', status, reason, host, client: socket.remoteAddress })
  if (!socket.writable) return socket.destroy()
  const asks = status === 407 ? 'Proxy-Authenticate: Basic realm="egress"\r\n' : ''
  socket.setTimeout(config.connectMs, () => socket.destroy())
  socket.resume() // what is unread when a socket closes takes the answer with it
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${asks}Connection: close\r\n` +
      `Content-Type: text/plain\r\nContent-Length: ${reason.length + 1}\r\n\r\n${reason}\n`,
  )
}

function isKnown(header = '') {
  const given = Buffer.from(header.replace(/^basic +/i, ''), 'base64')
  return timingSafeEqual(createHash('sha256').update(given).digest(), credentials)
}

async function tunnel(request, client, head) {
  const host = request.url.toLowerCase()
  const [name, port] = host.split(':')
  const began = Date.now()
  let upstream
  let open = false
  client.on('error', () => {}) // it closes then
  if (!isKnown(request.headers['proxy-authorization'])) return refuse(client, 407, 'user and password are needed', host)
  if (!allowed.has(host)) return refuse(client, 403, 'the service does not name this host', host)

  const settle = (status, reason) => {
    clearTimeout(late)
    upstream?.destroy()
    if (status) refuse(client, status, reason, host)
  }
  const late = setTimeout(settle, config.connectMs, 504, 'no connection in time')
  client.once('close', () => open || settle())
  const addresses = await lookup(name, { all: true }).catch(() => [])
  if (client.destroyed || client.writableEnded) return
  if (!addresses.length) return settle(502, 'the name is not known')
  if (addresses.some(({ address, family }) => inner.check(address, `ipv${family}`))) {
    return settle(403, 'the name leads to an inner address')
  }

  // To the addresses that were looked at: asked again, the name could lead elsewhere.
  const answer = (_name, _options, done) => done(null, addresses)
  const how = { allowHalfOpen: true, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000, lookup: answer }
  upstream = connect({ host: name, port: Number(port), ...how })
  upstream.on('error', (error) => open || settle(502, `no connection: ${error.code}`))
  upstream.once('connect', () => {
    open = true
    clearTimeout(late)
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length) upstream.write(head)
    upstream.setTimeout(config.idleMs, () => upstream.destroy(new Error('idle')))
    // Each side may end its half alone; one that breaks takes the other with it.
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.pipe(to)
      from.once('close', (broken) => broken && to.destroy())
    }
    const who = client.remoteAddress
    upstream.once('close', () => {
      const seconds = (Date.now() - began) / 1000
      log({ event: 'tunnel', host, client: who, seconds, sent: upstream.bytesWritten, received: upstream.bytesRead })
    })
  })
}

const server = createServer({ maxHeaderSize: 8192, headersTimeout: 10_000 }, (request, response) => {
  if (request.url === '/health' && request.socket.remoteAddress === '127.0.0.1') return response.end('ok\n')
  refuse(request.socket, 405, 'CONNECT alone is served', request.headers.host)
})
server.on('connect', tunnel)
server.on('clientError', (error, socket) => {
  refuse(socket, { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code] ?? 400, error.code)
})
server.listen(config.port, '0.0.0.0', () => log({ event: 'listening', port: server.address().port }))
process.on('SIGTERM', () => server.close()) // it ends with its last tunnel
