/** Functions that every script uses. Nothing of a profile stands in this text. */
export const COMMON = `
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Write-Step([string] $Text) { Write-Host "== $Text" -ForegroundColor Cyan }
function Write-Good([string] $Text) { Write-Host "   ok       $Text" -ForegroundColor Green }
function Write-Change([string] $Text) { Write-Host "   changed  $Text" -ForegroundColor Yellow }

function Assert-Guid([string] $Value, [string] $Name) {
  $parsed = [guid]::Empty
  if (-not [guid]::TryParse($Value, [ref] $parsed) -or $parsed -eq [guid]::Empty) {
    throw "$Name must be a GUID, but it is '$Value'."
  }
}

# Microsoft shows a change only after some seconds.
function Wait-Until([scriptblock] $Test, [string] $Failure) {
  foreach ($attempt in 1..12) {
    if (& $Test) { return }
    Start-Sleep -Seconds 5
  }
  throw $Failure
}

function Confirm-Change([string] $Question) {
  if ($Force) { return }
  if ((Read-Host "$Question Type yes to go on") -ne 'yes') {
    throw 'Stopped on request. What was done before this step stays.'
  }
}
`

/** Microsoft: "Connect to Exchange Online PowerShell" and "App-only authentication". */
export const CONNECT_INTERACTIVE = `
Write-Step 'Connect to Exchange Online'
if (-not (Get-Module -ListAvailable -Name ExchangeOnlineManagement)) {
  Install-Module -Name ExchangeOnlineManagement -Scope CurrentUser
  Write-Change 'The module ExchangeOnlineManagement was installed.'
}
Import-Module -Name ExchangeOnlineManagement
$connection = @{ Organization = $TenantId; ShowBanner = $false }
if ($ExchangeEnvironmentName -ne '') {
  $connection.ExchangeEnvironmentName = $ExchangeEnvironmentName
}
`

export const CONNECT = `
Connect-ExchangeOnline @connection
Write-Good "Connected to $TenantId."
`

/**
 * Without a person: the application that administers needs Exchange.ManageAsApp and the role Exchange Administrator,
 * its certificate a CSP key on Windows.
 */
export const CONNECTION_UNATTENDED = `
if ($AdminAppId -ne '') {
  $connection.AppId = $AdminAppId
  if ($CertificateThumbprint -ne '') {
    $connection.CertificateThumbprint = $CertificateThumbprint
  } elseif ($CertificateFilePath -ne '') {
    $connection.CertificateFilePath = $CertificateFilePath
    if ($null -ne $CertificatePassword) { $connection.CertificatePassword = $CertificatePassword }
  } else {
    throw 'With -AdminAppId, give -CertificateThumbprint (Windows) or -CertificateFilePath.'
  }
}
`

export const FINISH = `
Write-Step 'Done'
Write-Host '   Every step is in place. Microsoft needs minutes to 2 hours to spread changes.'
Write-Host '   Verify the profile in Postern now, and send a test email.'
`
