/** Microsoft Graph PowerShell: "Connect-MgGraph", "Grant tenant-wide admin consent to an application". */
export const ENTRA = `
Write-Step 'Connect to Microsoft Graph'
foreach ($module in 'Microsoft.Graph.Authentication', 'Microsoft.Graph.Applications') {
  if (-not (Get-Module -ListAvailable -Name $module)) {
    Install-Module -Name $module -Scope CurrentUser
    Write-Change "The module $module was installed."
  }
  Import-Module -Name $module
}
if ($AdminAppId -ne '') {
  # It needs the application permissions Application.ReadWrite.All and AppRoleAssignment.ReadWrite.All.
  $graph = @{ ClientId = $AdminAppId; TenantId = $TenantId; Environment = $GraphEnvironment; NoWelcome = $true }
  if ($CertificateThumbprint -ne '') {
    $graph.CertificateThumbprint = $CertificateThumbprint
  } elseif ($CertificateFilePath -ne '') {
    $graph.Certificate = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new($CertificateFilePath, $CertificatePassword)
  } else {
    throw 'With -AdminAppId, give -CertificateThumbprint (Windows) or -CertificateFilePath.'
  }
  Connect-MgGraph @graph
} else {
  Connect-MgGraph -TenantId $TenantId -Environment $GraphEnvironment -NoWelcome -Scopes 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All'
}
Write-Good "Connected to $TenantId."

Write-Step 'Exchange Online in this tenant'
$resources = @(Get-MgServicePrincipal -Filter "appId eq '00000002-0000-0ff1-ce00-000000000000'")
if ($resources.Count -ne 1) { throw 'The tenant has no Office 365 Exchange Online.' }
$exchange = $resources[0]
$roles = @($exchange.AppRoles | Where-Object { $_.Value -eq 'SMTP.SendAsApp' -and $_.AllowedMemberTypes -contains 'Application' })
if ($roles.Count -ne 1) { throw 'Office 365 Exchange Online does not offer SMTP.SendAsApp.' }
$role = $roles[0]
Write-Good "SMTP.SendAsApp is $($role.Id)."

Write-Step 'App registration'
Assert-Guid $ClientId 'The Application (client) ID'
$apps = @(Get-MgApplication -Filter "appId eq '$ClientId'")
if ($apps.Count -eq 0) {
  if (-not $CreateApplication) {
    throw "The app registration $ClientId does not exist in this tenant. Correct the client ID, or run this script with -CreateApplication."
  }
  # An earlier run may have made it already. A quote inside the filter's string is doubled.
  $named = "displayName eq '" + $ApplicationName.Replace("'", "''") + "'"
  $apps = @(Get-MgApplication -Filter $named)
  if ($apps.Count -gt 1) { throw "There are $($apps.Count) app registrations $ApplicationName. Give the right one with -ClientId." }
  if ($apps.Count -eq 0) {
    $apps = @(New-MgApplication -DisplayName $ApplicationName -SignInAudience AzureADMyOrg)
    Write-Change "The app registration $ApplicationName was created."
  }
  $ClientId = $apps[0].AppId
  Write-Warning "Enter this Application (client) ID in Postern: $ClientId"
}
$app = $apps[0]
Write-Good "$($app.DisplayName), client ID $ClientId."

Write-Step 'Enterprise application'
$principals = @(Get-MgServicePrincipal -Filter "appId eq '$ClientId'")
if ($principals.Count -eq 0) {
  New-MgServicePrincipal -AppId $ClientId | Out-Null
  Wait-Until { @(Get-MgServicePrincipal -Filter "appId eq '$ClientId'").Count -eq 1 } 'The new enterprise application does not show yet. Run this script again in some minutes.'
  Write-Change 'The enterprise application was created.'
  $principals = @(Get-MgServicePrincipal -Filter "appId eq '$ClientId'")
}
if ($principals.Count -ne 1) { throw "Exactly one enterprise application for $ClientId is wanted, but $($principals.Count) were found." }
$enterprise = $principals[0]
if ($enterprise.AccountEnabled -eq $false) {
  Update-MgServicePrincipal -ServicePrincipalId $enterprise.Id -AccountEnabled:$true
  Write-Change 'The enterprise application was enabled.'
}
$ObjectId = $enterprise.Id
Write-Good "Object ID $ObjectId."
`

/** The classic path: the permission stands in the app registration and is consented as an app role assignment. */
export const ENTRA_PERMISSION = `
Write-Step 'API permission and admin consent'
$wanted = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -eq $exchange.AppId })
$listed = @($wanted | ForEach-Object { $_.ResourceAccess } | Where-Object { $_.Id -eq $role.Id })
if ($listed.Count -eq 0) {
  $others = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -ne $exchange.AppId })
  $accesses = @($wanted | ForEach-Object { $_.ResourceAccess }) + @(@{ Id = $role.Id; Type = 'Role' })
  $required = $others + @(@{ ResourceAppId = $exchange.AppId; ResourceAccess = $accesses })
  Update-MgApplication -ApplicationId $app.Id -RequiredResourceAccess $required
  Write-Change 'SMTP.SendAsApp was added to the API permissions.'
}
function Get-OwnConsent {
  Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $enterprise.Id -All |
    Where-Object { $_.AppRoleId -eq $role.Id -and $_.ResourceId -eq $exchange.Id }
}
if (@(Get-OwnConsent).Count -eq 0) {
  New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $enterprise.Id -PrincipalId $enterprise.Id -ResourceId $exchange.Id -AppRoleId $role.Id | Out-Null
  Wait-Until { @(Get-OwnConsent).Count -gt 0 } 'The consent was given but does not show yet. Run this script again in some minutes.'
  Write-Change 'Admin consent was granted.'
}
Write-Good 'SMTP.SendAsApp is granted.'
`

/** Only on request: a secret is shown once and belongs into Postern at once. */
export const ENTRA_SECRET = `
if ($NewSecret) {
  Write-Step 'Client secret'
  $password = Add-MgApplicationPassword -ApplicationId $app.Id -PasswordCredential @{ DisplayName = 'postern'; EndDateTime = (Get-Date).ToUniversalTime().AddMonths($SecretMonths) }
  Write-Change 'A new client secret was created; the secrets that exist stay. Enter it in Postern now, it is shown only once:'
  Write-Host "   Value  $($password.SecretText)"
  Write-Host "   Ends   $($password.EndDateTime.ToString('u'))"
}
Disconnect-MgGraph | Out-Null
`
