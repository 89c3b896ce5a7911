/** The steps of the setup guide, in its order and its words. */
export const GUIDE_STEPS = {
  'app-registration': 'Create Azure application registration',
  'client-secret': 'Create a client secret',
  'api-permissions': 'Grant API permissions',
  'admin-consent': 'Grant admin consent',
  'enterprise-application': 'Find the Object ID of the enterprise application',
  'service-principal': 'Add service account',
  'mailbox-permission': 'Give the service account access to the mailbox',
  'application-role': 'Give the service account its role in Exchange Online',
  'smtp-auth': 'Allow SMTP AUTH for the mailbox',
  'email-settings': 'Fill in the email settings',
  verification: 'Verify the settings',
  'test-email': 'Send a test email',
} as const

export type GuideStep = keyof typeof GUIDE_STEPS
