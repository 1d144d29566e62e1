# An ordinary user with a long password that does not expire, outside the organizational unit with your users. On that
# unit, it may use "Reset Password", read and write lockoutTime, and read the flags of an account.
New-ADUser keyturn -SamAccountName keyturn -UserPrincipalName keyturn@example.org `
  -PasswordNeverExpires $true -Enabled $true -AccountPassword (Read-Host -AsSecureString)
dsacls "OU=People,DC=example,DC=org" /I:S /G "EXAMPLE\keyturn:CA;Reset Password;user"
dsacls "OU=People,DC=example,DC=org" /I:S /G "EXAMPLE\keyturn:RPWP;lockoutTime;user"
dsacls "OU=People,DC=example,DC=org" /I:S /G "EXAMPLE\keyturn:RP;Account Restrictions;user"

# The old password signs in for an hour after a change (Microsoft's KB 906305). Run this on every controller to end that.
Set-ItemProperty HKLM:\SYSTEM\CurrentControlSet\Control\Lsa OldPasswordAllowedPeriod 0 -Type DWord
