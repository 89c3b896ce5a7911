import type { Command } from './api.ts'
import type { DiagnosisContext } from './context.ts'
import { fillCommand } from './fill.ts'
import { valuesOfContext } from './placeholders.ts'
import {
  ADD_SEND_PERMISSION,
  ALLOW_SMTP_AUTH,
  CONNECT_EXCHANGE,
  GRANT_ADMIN_CONSENT,
  GRANT_FULL_ACCESS,
  GRANT_SEND_AS,
  INSTALL_EXCHANGE_MODULE,
  NEW_SECRET,
  NEW_SERVICE_PRINCIPAL,
  OPEN_ADMIN_CONSENT,
  OPEN_API_PERMISSIONS,
  OPEN_APP_REGISTRATIONS,
  OPEN_CREDENTIALS,
  OPEN_ENTERPRISE_APPLICATION,
  OPEN_ENTERPRISE_APPLICATIONS,
  OPEN_OVERVIEW,
  SHOW_MAILBOX,
  SHOW_MAILBOX_PERMISSION,
  SHOW_OBJECT_ID,
  SHOW_SERVICE_PRINCIPAL,
  SHOW_SMTP_AUTH,
  TEST_AUTHORIZATION,
} from './rows/commands.ts'

/** The commands of the catalogue that the setup guide shows, too. */
const GUIDE_COMMANDS = {
  openAppRegistrations: OPEN_APP_REGISTRATIONS,
  openOverview: OPEN_OVERVIEW,
  openCredentials: OPEN_CREDENTIALS,
  newSecret: NEW_SECRET,
  openApiPermissions: OPEN_API_PERMISSIONS,
  addSendPermission: ADD_SEND_PERMISSION,
  openAdminConsent: OPEN_ADMIN_CONSENT,
  grantAdminConsent: GRANT_ADMIN_CONSENT,
  openEnterpriseApplications: OPEN_ENTERPRISE_APPLICATIONS,
  openEnterpriseApplication: OPEN_ENTERPRISE_APPLICATION,
  showObjectId: SHOW_OBJECT_ID,
  installExchangeModule: INSTALL_EXCHANGE_MODULE,
  connectExchange: CONNECT_EXCHANGE,
  newServicePrincipal: NEW_SERVICE_PRINCIPAL,
  showServicePrincipal: SHOW_SERVICE_PRINCIPAL,
  grantFullAccess: GRANT_FULL_ACCESS,
  grantSendAs: GRANT_SEND_AS,
  showMailboxPermission: SHOW_MAILBOX_PERMISSION,
  testAuthorization: TEST_AUTHORIZATION,
  allowSmtpAuth: ALLOW_SMTP_AUTH,
  showSmtpAuth: SHOW_SMTP_AUTH,
  showMailbox: SHOW_MAILBOX,
} as const satisfies Record<string, Command>

export type GuideCommand = keyof typeof GUIDE_COMMANDS

/** With the operator's own values as whole quoted arguments. */
export function guideCommand(name: GuideCommand, context: DiagnosisContext): Command {
  return fillCommand(GUIDE_COMMANDS[name], valuesOfContext(context))
}
