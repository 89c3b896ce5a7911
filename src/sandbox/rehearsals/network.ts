import { type Rehearsal, rehearsal, type Scene } from './scene.ts'

const entra = (fault: string) => ({ entra: { fault } })
const smtp = (fault: string) => ({ smtp: { fault } })
const certificate = (kind: string) => ({ smtp: { certificate: kind } })
const forced = (step: string, reply: string) => ({ smtp: { forcedReplies: { [step]: reply } } })

/** The way to Entra and to the SMTP server, and TLS. */
export function networkRehearsals(_: Scene): Rehearsal[] {
  return [
    rehearsal('entra_connect_failed', 1, 'No connection to Microsoft Entra', entra('refuse')),
    rehearsal('entra_timeout', 1, 'Microsoft Entra does not answer in time', entra('silent')),
    rehearsal('entra_connection_closed', 1, 'The connection to Entra breaks', entra('reset')),
    rehearsal('entra_redirected', null, 'A proxy redirects the token request', entra('redirect')),
    rehearsal(
      'entra_unreadable_answer',
      23,
      'The login page of a network answers instead of Entra',
      entra('loginPage'),
    ),
    rehearsal('smtp_connect_refused', 2, 'The SMTP port is closed', smtp('refuse')),
    rehearsal('smtp_no_greeting', 2, 'The SMTP server does not greet', smtp('dropAtConnect')),
    rehearsal('smtp_timeout', 46, 'The SMTP server stops answering', smtp('silentAtAuth')),
    rehearsal('smtp_connection_closed', 46, 'The SMTP connection breaks', smtp('dropAtAuth')),
    rehearsal(
      'smtp_unreadable_answer',
      null,
      'Another service answers at the SMTP port',
      forced('greeting', 'HTTP/1.1 400 Bad Request'),
    ),
    rehearsal(
      'smtp_answer_inserted',
      null,
      'Something on the way inserts text before TLS',
      forced('starttls', '220 2.0.0 SMTP server ready\r\n250 2.0.0 OK'),
    ),
    rehearsal('starttls_not_offered', null, 'The SMTP server offers no STARTTLS', {
      smtp: { offerStarttls: false },
    }),
    rehearsal('certificate_inspected', 3, 'A proxy inspects TLS', certificate('inspected')),
    rehearsal('certificate_expired', 3, 'Server certificate expired', certificate('expired')),
    rehearsal(
      'certificate_wrong_name',
      3,
      'Server certificate for another name',
      certificate('wrongName'),
    ),
    rehearsal(
      'certificate_untrusted',
      3,
      'Server certificate not trusted',
      certificate('selfSigned'),
    ),
    rehearsal(
      'tls_version_not_accepted',
      null,
      'The server speaks only old TLS',
      smtp('tls11Only'),
    ),
    rehearsal('tls_failed', null, 'TLS with the SMTP server breaks', smtp('dropAtStarttls')),
  ]
}
