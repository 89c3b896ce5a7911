/** Microsoft: "Authenticate an IMAP, POP or SMTP connection using OAuth", New-ServicePrincipal, Get-ServicePrincipal. */
export const SERVICE_PRINCIPAL = `
# Get-ServicePrincipal answers with every service principal when it does not know the identity: so the list is filtered.
function Get-OwnServicePrincipal {
  Get-ServicePrincipal | Where-Object { $_.AppId -eq $ClientId }
}

Write-Step 'Service account (service principal)'
if ($ObjectId -eq '') {
  $ObjectId = (Read-Host 'Object ID of the enterprise application (not of the app registration)').Trim()
}
Assert-Guid $ClientId 'The Application (client) ID'
Assert-Guid $ObjectId 'The Object ID of the enterprise application'
$found = @(Get-OwnServicePrincipal)
if ($found.Count -gt 1) {
  throw "There are $($found.Count) service principals for the client ID $ClientId. Remove the wrong ones with Remove-ServicePrincipal, then run this script again."
}
if ($found.Count -eq 1 -and "$($found[0].ObjectId)" -ne $ObjectId) {
  Write-Host "   It has the Object ID $($found[0].ObjectId), but that of the enterprise application is $ObjectId."
  Confirm-Change 'An Object ID cannot be changed. Remove the service principal and create it again?'
  Remove-ServicePrincipal -Identity $found[0].Identity -Confirm:$false
  Wait-Until { @(Get-OwnServicePrincipal).Count -eq 0 } 'The wrong service principal is still there. Run this script again in some minutes.'
  Write-Change 'The service principal with the wrong Object ID was removed.'
  $found = @()
}
if ($found.Count -eq 0) {
  New-ServicePrincipal -AppId $ClientId -ObjectId $ObjectId -DisplayName $DisplayName | Out-Null
  Wait-Until { @(Get-OwnServicePrincipal).Count -eq 1 } 'The new service principal does not show yet. Run this script again in some minutes.'
  Write-Change 'The service principal was created.'
}
$found = @(Get-OwnServicePrincipal)
if ($found.Count -ne 1 -or "$($found[0].ObjectId)" -ne $ObjectId) {
  throw 'Exchange Online does not show exactly one service principal with the right Object ID.'
}
$principal = $found[0]
Write-Good "Client ID $ClientId, Object ID $($principal.ObjectId)."
`

export const MAILBOX = `
Write-Step 'Mailbox'
if ($Mailbox.Trim() -eq '') { throw 'No mailbox is named.' }
$boxes = @(Get-Mailbox -Identity $Mailbox)
if ($boxes.Count -ne 1) { throw "Exactly one mailbox $Mailbox is wanted, but $($boxes.Count) were found." }
$box = $boxes[0]
if ("$($box.PrimarySmtpAddress)" -ne $Mailbox) {
  Write-Warning "$Mailbox is an alias of $($box.PrimarySmtpAddress). Log in with the primary address: enter it in Postern."
}
Write-Good "$($box.PrimarySmtpAddress) ($($box.RecipientTypeDetails))."
`

/** Only for the classic path: with application RBAC the role alone gives the right. */
export const MAILBOX_PERMISSION = `
function Get-OwnFullAccess {
  Get-MailboxPermission -Identity $Mailbox -User $principal.Identity -ErrorAction SilentlyContinue |
    Where-Object { -not $_.Deny -and ($_.AccessRights -join ',') -match 'FullAccess' }
}

Write-Step 'Access of the service account to the mailbox'
if (@(Get-OwnFullAccess).Count -eq 0) {
  Add-MailboxPermission -Identity $Mailbox -User $principal.Identity -AccessRights FullAccess -AutoMapping $false | Out-Null
  Wait-Until { @(Get-OwnFullAccess).Count -gt 0 } 'FullAccess was given but does not show yet. Run this script again in some minutes.'
  Write-Change 'FullAccess was given.'
}
Write-Good "The service account has FullAccess to $Mailbox."

function Get-OwnSendAs {
  Get-RecipientPermission -Identity $Sender -Trustee $Mailbox -ErrorAction SilentlyContinue |
    Where-Object { ($_.AccessRights -join ',') -match 'SendAs' }
}

if ($Sender -ne $Mailbox) {
  Write-Step 'Sender'
  $aliases = @($box.EmailAddresses | Where-Object { "$_" -eq "smtp:$Sender" })
  if ($aliases.Count -gt 0) {
    Write-Good "$Sender is an address of the mailbox itself."
  } else {
    if (@(Get-OwnSendAs).Count -eq 0) {
      Add-RecipientPermission -Identity $Sender -Trustee $Mailbox -AccessRights SendAs -Confirm:$false | Out-Null
      Wait-Until { @(Get-OwnSendAs).Count -gt 0 } 'Send As was given but does not show yet. Run this script again in some minutes.'
      Write-Change 'Send As was given.'
    }
    Write-Good "$Mailbox may send as $Sender."
  }
}
`

/** Microsoft: "Use RBAC for Applications to control access to SMTP". */
export const APPLICATION_ROLE = `
Write-Step 'Group of the mailboxes that the application may use'
if (@(Get-DistributionGroup -Identity $GroupName -ErrorAction SilentlyContinue).Count -eq 0) {
  New-DistributionGroup -Name $GroupName -Members $Mailbox | Out-Null
  Wait-Until { @(Get-DistributionGroup -Identity $GroupName -ErrorAction SilentlyContinue).Count -eq 1 } 'The new group does not show yet. Run this script again in some minutes.'
  Write-Change "The group $GroupName was created."
}
$groups = @(Get-DistributionGroup -Identity $GroupName)
if ($groups.Count -ne 1) { throw "Exactly one group $GroupName is wanted, but $($groups.Count) were found." }

# Only direct members count.
function Get-OwnMembership {
  Get-DistributionGroupMember -Identity $GroupName -ResultSize Unlimited |
    Where-Object { "$($_.PrimarySmtpAddress)" -eq "$($box.PrimarySmtpAddress)" }
}
if (@(Get-OwnMembership).Count -eq 0) {
  Add-DistributionGroupMember -Identity $GroupName -Member $Mailbox
  Wait-Until { @(Get-OwnMembership).Count -gt 0 } 'The mailbox does not show in the group yet. Run this script again in some minutes.'
  Write-Change "$Mailbox was added to the group."
}
Write-Good "$Mailbox is a member of $GroupName."

Write-Step 'Management scope'
# A quote inside the filter's string is doubled.
$filter = "MemberOfGroup -eq '" + $groups[0].DistinguishedName.Replace("'", "''") + "'"
$scopes = @(Get-ManagementScope -Identity $ScopeName -ErrorAction SilentlyContinue)
if ($scopes.Count -eq 0) {
  New-ManagementScope -Name $ScopeName -RecipientRestrictionFilter $filter | Out-Null
  Write-Change "The scope $ScopeName was created."
} elseif ("$($scopes[0].RecipientFilter)" -ne $filter) {
  Set-ManagementScope -Identity $ScopeName -RecipientRestrictionFilter $filter
  Write-Change "The scope $ScopeName was set to the group."
}
if (@(Get-ManagementScope -Identity $ScopeName).Count -ne 1) { throw "The scope $ScopeName does not show." }
Write-Good $filter

Write-Step 'Role of the application'
if (@(Get-ManagementRoleAssignment -Identity $AssignmentName -ErrorAction SilentlyContinue).Count -eq 0) {
  New-ManagementRoleAssignment -Name $AssignmentName -Role 'Application SMTP.SendAsApp' -App $ClientId -CustomResourceScope $ScopeName | Out-Null
  Write-Change 'The role Application SMTP.SendAsApp was assigned.'
}
$authorised = @(
  Test-ServicePrincipalAuthorization -Identity $ClientId -Resource $Mailbox |
    Where-Object { $_.RoleName -eq 'Application SMTP.SendAsApp' -and "$($_.InScope)" -eq 'True' }
)
if ($authorised.Count -eq 0) {
  throw "Exchange Online does not count $Mailbox to the scope of the role yet. Run this script again in some minutes."
}
Write-Good "Application SMTP.SendAsApp covers $Mailbox."
Write-Warning 'If SMTP.SendAsApp also stands under API permissions of the app registration, remove it there: no scope limits it.'
`

/** The mailbox's own value wins over the organisation's; $null means that the organisation's counts. */
export const SMTP_AUTH = `
Write-Step 'SMTP AUTH'
if ((Get-CASMailbox -Identity $Mailbox).SmtpClientAuthenticationDisabled -ne $false) {
  Set-CASMailbox -Identity $Mailbox -SmtpClientAuthenticationDisabled $false
  Wait-Until { (Get-CASMailbox -Identity $Mailbox).SmtpClientAuthenticationDisabled -eq $false } 'SMTP AUTH was allowed but does not show yet. Run this script again in some minutes.'
  Write-Change 'SMTP AUTH was allowed.'
}
Write-Good "SMTP AUTH is allowed for $Mailbox."
`
