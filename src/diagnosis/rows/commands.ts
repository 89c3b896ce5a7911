import type { Command } from '../api.ts'

/** Commands that several rows offer. Exchange cmdlets need one connection first. */
export const CONNECT_EXCHANGE: Command = {
  shell: 'powershell',
  text: 'Connect-ExchangeOnline -Organization {tenantId}{exchangeEnvironment}',
}

export const SHOW_SERVICE_PRINCIPAL: Command = {
  shell: 'powershell',
  text: 'Get-ServicePrincipal -Identity {clientId} | Format-List DisplayName,AppId,ObjectId,Identity',
}

export const NEW_SERVICE_PRINCIPAL: Command = {
  shell: 'powershell',
  text: "New-ServicePrincipal -AppId {clientId} -ObjectId {objectId} -DisplayName 'Postern'",
}

/**
 * Get-ServicePrincipal answers with every principal when it does not know the identity (Microsoft:
 * Get-ServicePrincipal), so the permission is given only when exactly one has the client ID.
 */
export const GRANT_FULL_ACCESS: Command = {
  shell: 'powershell',
  text: "$sp = @(Get-ServicePrincipal | Where-Object AppId -eq {clientId}); if ($sp.Count -eq 1) { Add-MailboxPermission -Identity {mailbox} -User $sp[0].Identity -AccessRights FullAccess -AutoMapping $false } else { 'The service account is missing. Create it first with New-ServicePrincipal.' }",
}

export const ALLOW_SMTP_AUTH: Command = {
  shell: 'powershell',
  text: 'Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false',
}

export const SHOW_SMTP_AUTH: Command = {
  shell: 'powershell',
  text: 'Get-CASMailbox -Identity {mailbox} | Format-List SmtpClientAuthenticationDisabled',
}

export const SHOW_MAILBOX: Command = {
  shell: 'powershell',
  text: 'Get-Mailbox -Identity {mailbox} | Format-List RecipientTypeDetails,PrimarySmtpAddress,EmailAddresses,MaxSendSize,RecipientLimits',
}

export const OPEN_OVERVIEW: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Overview/appId/{clientId}',
}

export const OPEN_CREDENTIALS: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Credentials/appId/{clientId}',
}

export const OPEN_API_PERMISSIONS: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/{clientId}',
}

/** `--append` keeps the secrets that exist. */
export const NEW_SECRET: Command = {
  shell: 'bash',
  text: 'az ad app credential reset --id {clientId} --append --display-name postern --years 1',
}

export const RESOLVE_HOST: Command = { shell: 'bash', text: 'getent hosts {host}' }

export const TEST_PORT: Command = { shell: 'bash', text: 'nc -vz {host} {port}' }

export const TEST_PORT_WINDOWS: Command = {
  shell: 'powershell',
  text: 'Test-NetConnection -ComputerName {host} -Port {port}',
}

export const OPEN_RESTRICTED_ENTITIES: Command = {
  shell: 'url',
  text: 'https://security.microsoft.com/restrictedentities',
}

export const OPEN_APP_REGISTRATIONS: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_IAM/ActiveDirectoryMenuBlade/~/RegisteredApps',
}

export const OPEN_ENTERPRISE_APPLICATION: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/objectId/{objectId}/appId/{clientId}',
}

export const OPEN_ENTERPRISE_APPLICATIONS: Command = {
  shell: 'url',
  text: '{portal}/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview',
}

/** Microsoft: "Admin consent on the Microsoft identity platform". */
export const OPEN_ADMIN_CONSENT: Command = {
  shell: 'url',
  text: '{authority}/{tenantId}/adminconsent?client_id={clientId}',
}

/** Microsoft: the application ID of Office 365 Exchange Online, and the ID of its role SMTP.SendAsApp. */
export const ADD_SEND_PERMISSION: Command = {
  shell: 'bash',
  text: 'az ad app permission add --id {clientId} --api 00000002-0000-0ff1-ce00-000000000000 --api-permissions 7146a1f0-8703-45b3-9eae-527a64c00995=Role',
}

export const GRANT_ADMIN_CONSENT: Command = {
  shell: 'bash',
  text: 'az ad app permission admin-consent --id {clientId}',
}

export const SHOW_OBJECT_ID: Command = {
  shell: 'bash',
  text: 'az ad sp show --id {clientId} --query id --output tsv',
}

export const INSTALL_EXCHANGE_MODULE: Command = {
  shell: 'powershell',
  text: 'Install-Module -Name ExchangeOnlineManagement; Import-Module ExchangeOnlineManagement',
}

export const SHOW_MAILBOX_PERMISSION: Command = {
  shell: 'powershell',
  text: 'Get-MailboxPermission -Identity {mailbox} | Format-Table User,AccessRights,Deny',
}

export const GRANT_SEND_AS: Command = {
  shell: 'powershell',
  text: 'Add-RecipientPermission -Identity {from} -Trustee {mailbox} -AccessRights SendAs -Confirm:$false',
}

export const TEST_AUTHORIZATION: Command = {
  shell: 'powershell',
  text: 'Test-ServicePrincipalAuthorization -Identity {clientId} -Resource {mailbox} | Format-Table RoleName,GrantedPermissions,AllowedResourceScope,ScopeType,InScope',
}
