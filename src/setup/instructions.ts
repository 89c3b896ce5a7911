import type { GuideCommand, GuideStep } from '../diagnosis/index.ts'
import { mailboxOf, type Profile } from '../profiles/index.ts'
import type { SetupFacts } from './facts.ts'

/** What a step tells to do; commands that open a page are shown as links. */
export interface StepText {
  readonly instructions: readonly string[]
  readonly commands: readonly GuideCommand[]
}

/** The steps in Microsoft Entra and in Postern, in the guide's words and order. */
export function stepText(step: GuideStep, facts: SetupFacts): StepText {
  const { profile, context } = facts
  const { clientId, tenantId } = context
  const mailbox = mailboxOf(profile)
  const isRbac = context.applicationRbac
  switch (step) {
    case 'app-registration':
      return {
        instructions: [
          'Sign in to the Azure portal and search for App registrations in the top search bar. Select the App registrations service.',
          'On the App registrations page, click + New registration.',
          'Under Supported account types, select the option that best fits your organization (one organization is enough), then click Register. A redirect URI is not needed.',
          'If you are not redirected automatically, open your newly created app registration.',
          'On the Overview page, copy the Application (client) ID and the Directory (tenant) ID and enter them in the email settings of Postern.',
        ],
        commands: ['openAppRegistrations', 'openOverview'],
      }
    case 'client-secret':
      return profile.credential?.type === 'certificate' ? certificateText() : secretText()
    case 'api-permissions':
      return {
        instructions: [
          'In the app registration, under Manage, select API permissions.',
          'Click + Add a permission.',
          'Select APIs my organization uses and search for “Office 365 Exchange Online”. Select it from the list (not Microsoft Graph).',
          'Select Application permissions (not Delegated permissions).',
          'Scroll to SMTP, expand it and select SMTP.SendAsApp.',
          'Click Add permissions.',
        ],
        commands: ['openApiPermissions', 'addSendPermission'],
      }
    case 'admin-consent':
      return {
        instructions: [
          'An admin of the tenant goes to the app registration and, under Manage, selects API permissions.',
          'Select the new API permission from the list.',
          'Click Grant admin consent for your organization: this button is all that an application of one organization needs.',
          'For an application of several organizations, an admin of the tenant opens the admin consent address instead; a message about a missing redirect address after the consent does no harm.',
        ],
        commands: ['openApiPermissions', 'openAdminConsent', 'grantAdminConsent'],
      }
    case 'enterprise-application':
      return {
        instructions: [
          'In the Azure portal, search for Enterprise applications and select the service.',
          'On All applications, search for the name of your app registration and click on it.',
          'On its Overview page you see the Object ID. It differs from the Application (client) ID and from the Object ID on the page of the app registration, which must not be used.',
          'As soon as Postern gets a token, it reads this Object ID from the token and fills it into the commands below by itself.',
        ],
        commands: [
          context.servicePrincipalObjectId === null
            ? 'openEnterpriseApplications'
            : 'openEnterpriseApplication',
          'showObjectId',
        ],
      }
    case 'service-principal':
      return {
        instructions: [
          'On a Windows machine, in PowerShell, download and install Exchange Online PowerShell and connect as an Exchange administrator.',
          `Create the service account with the Application (client) ID ${clientId} and the Object ID of the enterprise application.`,
          'Look at it with Get-ServicePrincipal: its ObjectId must be the Object ID of the enterprise application.',
          'If the ObjectId is another one, remove the service account with Remove-ServicePrincipal and create it again: it cannot be changed. The script below does that after it has asked.',
        ],
        commands: [
          'installExchangeModule',
          'connectExchange',
          'newServicePrincipal',
          'showServicePrincipal',
        ],
      }
    case 'mailbox-permission':
      return {
        instructions: [
          `Give the service account FullAccess to the mailbox ${mailbox}. The command takes the Identity of the service account, which is a third value besides its two IDs.`,
          'Microsoft needs minutes to 2 hours to spread this.',
          ...(isSame(mailbox, profile.senderEmailAddress)
            ? []
            : [
                `The sender ${profile.senderEmailAddress} is not the mailbox that logs in: give ${mailbox} the right Send As on it, too.`,
              ]),
        ],
        commands: [
          'connectExchange',
          'grantFullAccess',
          'showMailboxPermission',
          ...(isSame(mailbox, profile.senderEmailAddress) ? [] : (['grantSendAs'] as const)),
        ],
      }
    case 'application-role':
      return {
        instructions: [
          `Make a group with the mailbox ${mailbox} as a direct member, a management scope for this group, and assign the role Application SMTP.SendAsApp to the application in this scope. The script below does all of it and checks it.`,
          'With this way the app registration has no API permission and the service account no FullAccess. If SMTP.SendAsApp was added under API permissions, remove it there: no scope limits it.',
          'Check with Test-ServicePrincipalAuthorization that InScope is True. Microsoft needs 30 minutes to 2 hours until the login works.',
        ],
        commands: ['connectExchange', 'testAuthorization'],
      }
    case 'smtp-auth':
      return {
        instructions: [
          `Allow SMTP AUTH for the mailbox ${mailbox} alone. The setting of the mailbox wins over the one of the organisation, which may stay off.`,
          'Microsoft needs minutes to an hour to spread this.',
        ],
        commands: ['connectExchange', 'allowSmtpAuth', 'showSmtpAuth'],
      }
    case 'email-settings':
      return { instructions: settingsText(profile, { clientId, tenantId, isRbac }), commands: [] }
    case 'verification':
      return {
        instructions: [
          'Verify the settings: Postern goes through every check and says what Microsoft answers, without sending a message. It does so by itself after every change and every few minutes.',
        ],
        commands: [],
      }
    case 'test-email':
      return {
        instructions: [
          'Enter a Test Email Target Address and send the test email.',
          'Wait for the success message; if the send fails, the error says who must do what.',
          'If nothing arrives although the send was successful, look into the junk folder of the target address, and ask your IT department whether such mail is filtered out.',
        ],
        commands: [],
      }
  }
}

function secretText(): StepText {
  return {
    instructions: [
      'In the app registration, navigate to Manage, Certificates & secrets.',
      'Select the Client secrets tab.',
      'Click + New client secret.',
      'Enter a description and choose an expiration that aligns with your organization’s security policies.',
      'Click Add to create the client secret.',
      'Copy the secret’s Value immediately: the portal shows it only once. Be sure to copy the Value, not the Secret ID.',
      'Enter it in the email settings of Postern together with its end date, so that Postern warns in time.',
    ],
    commands: ['openCredentials', 'newSecret'],
  }
}

function certificateText(): StepText {
  return {
    instructions: [
      'In the app registration, navigate to Manage, Certificates & secrets.',
      'Select the Certificates tab.',
      'Click Upload certificate and upload the public certificate (.cer or .pem) of the pair that is entered in Postern. The private key is never uploaded.',
      'Compare the thumbprint that the portal shows with the one that Postern shows.',
    ],
    commands: ['openCredentials'],
  }
}

function settingsText(
  profile: Profile,
  ids: { clientId: string | null; tenantId: string | null; isRbac: boolean },
): readonly string[] {
  const { authentication, server } = profile
  const login =
    authentication.type === 'exchangeOnline'
      ? [
          'Authentication: Microsoft Exchange Online.',
          `Client ID: the Application (client) ID; now ${ids.clientId}.`,
          'Client secret: the Value of the secret (not the Secret ID), with its end date; or certificate and private key.',
          `Tenant ID: the Directory (tenant) ID; now ${ids.tenantId}.`,
          `User name: only when another mailbox than the sender logs in; now ${authentication.username ?? 'empty'}.`,
          `Application RBAC: only when the right comes from a role in Exchange Online; now ${ids.isRbac ? 'on' : 'off'}.`,
        ]
      : authentication.type === 'basic'
        ? [
            'Authentication: user name and password.',
            `User name: as the server knows it; now ${authentication.username}.`,
            'Password: the password of this user.',
          ]
        : ['Authentication: none.']
  return [
    `Sender Display Name: any name that recipients shall see; now “${profile.senderDisplayName}”. It need not match a display name in Microsoft 365.`,
    `Sender Email Address: the address of the mailbox that sends; now ${profile.senderEmailAddress}.`,
    `Subject Prefix: any text that every subject begins with, may be empty; now “${profile.subjectPrefix}”.`,
    `Send Error Email to: who is told about problems, may be empty; now ${profile.errorEmailAddress ?? 'nobody'}.`,
    `Server Details: SMTP; now ${server.host}, port ${server.port}, security ${server.security}.`,
    ...login,
    'Save the settings.',
  ]
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
