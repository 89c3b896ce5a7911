import type { Row } from './row.ts'
import { CLAIMS_ROWS } from './rows/claims.ts'
import { GRAPH_ROWS } from './rows/graph.ts'
import { NETWORK_ENTRA_ROWS, PROXY_ROWS } from './rows/network-entra.ts'
import { NETWORK_SMTP_ROWS } from './rows/network-smtp.ts'
import { SETTINGS_ROWS } from './rows/settings.ts'
import { SMTP_AUTH_ROWS } from './rows/smtp-auth.ts'
import { SMTP_MAILBOX_ROWS } from './rows/smtp-mailbox.ts'
import { SMTP_MESSAGE_ROWS } from './rows/smtp-message.ts'
import { SMTP_SESSION_ROWS } from './rows/smtp-session.ts'
import { TLS_ROWS } from './rows/tls.ts'
import { TOKEN_APPLICATION_ROWS } from './rows/token-application.ts'
import { TOKEN_CREDENTIAL_ROWS } from './rows/token-credential.ts'
import { TOKEN_SERVICE_ROWS } from './rows/token-service.ts'
import { NO_ROW, UNKNOWN_ROWS } from './rows/unknown.ts'

export interface Chapter {
  readonly title: string
  readonly rows: readonly Row[]
}

/** The catalogue in the order in which it is searched: the first row that fits is the answer. */
export const CHAPTERS: readonly Chapter[] = [
  { title: 'Settings', rows: SETTINGS_ROWS },
  { title: 'TLS and certificates', rows: TLS_ROWS },
  { title: 'Network: proxy', rows: PROXY_ROWS },
  { title: 'Network: the way to Microsoft Entra', rows: NETWORK_ENTRA_ROWS },
  { title: 'Network: the way to the SMTP server', rows: NETWORK_SMTP_ROWS },
  { title: 'Token: client secret or certificate', rows: TOKEN_CREDENTIAL_ROWS },
  { title: 'Token: application, tenant and cloud', rows: TOKEN_APPLICATION_ROWS },
  { title: 'Token: policies, limits and faults', rows: TOKEN_SERVICE_ROWS },
  { title: 'Content of the token', rows: CLAIMS_ROWS },
  { title: 'SMTP: login', rows: SMTP_AUTH_ROWS },
  { title: 'SMTP: mailbox, rights and quotas', rows: SMTP_MAILBOX_ROWS },
  { title: 'SMTP: one message or recipient', rows: SMTP_MESSAGE_ROWS },
  { title: 'SMTP: session, load and offers', rows: SMTP_SESSION_ROWS },
  { title: 'Microsoft Graph', rows: GRAPH_ROWS },
  { title: 'Unknown answers', rows: [...UNKNOWN_ROWS, NO_ROW] },
]

export const CATALOGUE: readonly Row[] = CHAPTERS.flatMap((chapter) => chapter.rows)
