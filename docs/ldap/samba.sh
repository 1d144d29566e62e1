# `samba-tool user show keyturn --attributes=objectSid` prints the SID. The three rights are "Reset Password", lockoutTime
# (read and write) and Account Restrictions (read), each for objects of the class user.
samba-tool dsacl set --objectdn="OU=People,DC=example,DC=org" --sddl="(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;SID)(OA;CIIO;RPWP;28630ebf-41d5-11d1-a9c1-0000f80367c1;bf967aba-0de6-11d0-a285-00aa003049e2;SID)(OA;CIIO;RP;4c164200-20c0-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;SID)"
