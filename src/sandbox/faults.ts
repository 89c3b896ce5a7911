/** What a server shows; all but the first fail a client's check. */
export const CERTIFICATES = ['valid', 'expired', 'wrongName', 'selfSigned', 'inspected'] as const

export const FAULTS_ENTRA = [
  'none',
  'refuse', // TCP connection refused
  'silent', // accepts and never answers
  'reset', // drops the connection after the request
  'html', // 502 with an HTML page
  'halfBody', // 200 with half of the JSON
  'throttled', // 429
  'transient', // 503 AADSTS90033
  'redirect', // 302 to another host
  'loginPage', // 200 with the login page of a network
] as const

export const FAULTS_GRAPH = [
  'none',
  'refuse',
  'throttled',
  'html',
  'silent',
  'unauthenticated', // 401
  'dropAfterWrite', // a change is made, its answer is lost
] as const

export const FAULTS_SMTP = [
  'none',
  'refuse', // TCP connection refused
  'silent', // accepts and never greets
  'busy', // 421 4.3.2 as greeting
  'proxy', // 451 4.7.0 … PRX1 at AUTH
  'dropAtConnect',
  'dropAtEhlo',
  'dropAtStarttls',
  'dropAtAuth',
  'dropAtMail',
  'dropAtRcpt',
  'dropBefore354',
  'dropMidData',
  'dropAfterDot', // the message is not kept
  'dropBefore250', // the message is kept, the answer is lost
  'silentAtAuth', // AUTH is not answered
  'tls10', // AUTH answered with 421 4.7.66
  'tls11Only', // the handshake fails for clients that want TLS 1.2
  'throttledPerHour', // 421 4.4.2 Message submission rate … at end of DATA
] as const
