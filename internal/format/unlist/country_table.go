package unlist

// countryTable has a line a State or territory: ISO 3166-1 alpha-3 (or the ICAO
// 9303 code), and its names as lists write them, former ones included, in the
// form that countryKey gives. A State that became several (the Soviet Union,
// Yugoslavia) has no line: nobody can say which is meant.
const countryTable = `
ABW aruba
AFG afghanistan|islamic republic afghanistan
AGO angola|republic angola
AIA anguilla
ALA aland islands
ALB albania|republic albania
AND andorra|principality andorra
ARE united arab emirates|uae
ARG argentina|argentine republic
ARM armenia|republic armenia
ASM american samoa
ATA antarctica
ATF french southern territories
ATG antigua barbuda
AUS australia
AUT austria|republic austria
AZE azerbaijan|republic azerbaijan
BDI burundi|republic burundi
BEL belgium|kingdom belgium
BEN benin|republic benin|dahomey
BES caribbean netherlands|bonaire sint eustatius saba
BFA burkina faso|upper volta
BGD bangladesh|peoples republic bangladesh
BGR bulgaria|republic bulgaria
BHR bahrain|kingdom bahrain
BHS bahamas|commonwealth bahamas
BIH bosnia|bosnia herzegovina
BLM st barthelemy|saint barthelemy
BLR belarus|republic belarus|byelorussia|belorussia
BLZ belize
BMU bermuda
BOL bolivia|bolivia plurinational state|plurinational state bolivia
BRA brazil|federative republic brazil
BRB barbados
BRN brunei|brunei darussalam
BTN bhutan|kingdom bhutan
BVT bouvet island
BWA botswana|republic botswana
CAF central african republic|car
CAN canada
CCK cocos islands|cocos keeling islands
CHE switzerland|swiss confederation
CHL chile|republic chile
CHN china|peoples republic china
CIV cote divoire|ivory coast
CMR cameroon|republic cameroon
COD congo kinshasa|democratic republic congo|zaire|dr congo|drc|congo democratic republic
COG congo brazzaville|congo|republic congo
COK cook islands
COL colombia|republic colombia
COM comoros|union comoros
CPV cape verde|cabo verde|republic cabo verde
CRI costa rica|republic costa rica
CUB cuba|republic cuba
CUW curacao
CXR christmas island
CYM cayman islands
CYP cyprus|republic cyprus
CZE czechia|czech republic
DEU germany|federal republic germany
DJI djibouti|republic djibouti
DMA dominica|commonwealth dominica
DNK denmark|kingdom denmark
DOM dominican republic
DZA algeria|peoples democratic republic algeria
ECU ecuador|republic ecuador
EGY egypt|arab republic egypt|united arab republic
ERI eritrea|state eritrea
ESH western sahara
ESP spain|kingdom spain
EST estonia|republic estonia
ETH ethiopia|federal democratic republic ethiopia
FIN finland|republic finland
FJI fiji|republic fiji
FLK falkland islands
FRA france|french republic
FRO faroe islands
FSM micronesia|micronesia federated states|federated states micronesia
GAB gabon|gabonese republic
GBR united kingdom great britain northern ireland|united kingdom|uk|great britain|britain|england|scotland|wales|northern ireland
GEO georgia
GGY guernsey
GHA ghana|republic ghana
GIB gibraltar
GIN guinea|republic guinea
GLP guadeloupe
GMB gambia|republic gambia
GNB guinea bissau|republic guinea bissau
GNQ equatorial guinea|republic equatorial guinea
GRC greece|hellenic republic
GRD grenada
GRL greenland
GTM guatemala|republic guatemala
GUF french guiana
GUM guam
GUY guyana|co operative republic guyana
HKG hong kong|china hong kong special administrative region
HMD heard mcdonald islands|heard island mcdonald islands
HND honduras|republic honduras
HRV croatia|republic croatia
HTI haiti|republic haiti
HUN hungary
IDN indonesia|republic indonesia
IMN isle man
IND india|republic india
IOT british indian ocean territory
IRL ireland
IRN iran|iran islamic republic|islamic republic iran|persia
IRQ iraq|republic iraq
ISL iceland|republic iceland
ISR israel|state israel
ITA italy|republic italy
JAM jamaica
JEY jersey
JOR jordan|hashemite kingdom jordan
JPN japan
KAZ kazakhstan|republic kazakhstan
KEN kenya|republic kenya
KGZ kyrgyzstan|kyrgyz republic|kirghizia
KHM cambodia|kingdom cambodia|kampuchea
KIR kiribati|republic kiribati
KNA st kitts nevis|saint kitts nevis
KOR south korea|republic korea|korea south|korea republic
KWT kuwait|state kuwait
LAO laos|lao peoples democratic republic
LBN lebanon|lebanese republic
LBR liberia|republic liberia
LBY libya|state libya|libyan arab jamahiriya
LCA st lucia|saint lucia
LIE liechtenstein|principality liechtenstein
LKA sri lanka|democratic socialist republic sri lanka|ceylon
LSO lesotho|kingdom lesotho
LTU lithuania|republic lithuania
LUX luxembourg|grand duchy luxembourg
LVA latvia|republic latvia
MAC macao|china macao special administrative region|macau
MAF st martin|saint martin french part|saint martin
MAR morocco|kingdom morocco
MCO monaco|principality monaco
MDA moldova|republic moldova
MDG madagascar|republic madagascar
MDV maldives|republic maldives
MEX mexico|united mexican states
MHL marshall islands|republic marshall islands
MKD north macedonia|republic north macedonia|macedonia|former yugoslav republic macedonia|macedonia former yugoslav republic|tfyr macedonia
MLI mali|republic mali
MLT malta|republic malta
MMR myanmar|republic union myanmar|burma
MNE montenegro
MNG mongolia
MNP northern mariana islands
MOZ mozambique|republic mozambique
MRT mauritania|islamic republic mauritania
MSR montserrat
MTQ martinique
MUS mauritius|republic mauritius
MWI malawi|republic malawi
MYS malaysia
MYT mayotte
NAM namibia|republic namibia
NCL new caledonia
NER niger|republic niger
NFK norfolk island
NGA nigeria|federal republic nigeria
NIC nicaragua|republic nicaragua
NIU niue
NLD netherlands|kingdom netherlands|holland
NOR norway|kingdom norway
NPL nepal
NRU nauru|republic nauru
NZL new zealand
OMN oman|sultanate oman
PAK pakistan|islamic republic pakistan
PAN panama|republic panama
PCN pitcairn
PER peru|republic peru
PHL philippines|republic philippines
PLW palau|republic palau
PNG papua new guinea|independent state papua new guinea
POL poland|republic poland
PRI puerto rico
PRK north korea|democratic peoples republic korea|dprk|korea north|korea democratic peoples republic
PRT portugal|portuguese republic
PRY paraguay|republic paraguay
PSE palestine|state palestine|palestinian territory|palestinian territories|occupied palestinian territory|west bank gaza strip|palestinian
PYF french polynesia
QAT qatar|state qatar
REU reunion
RKS kosovo
ROU romania
RUS russia|russian federation
RWA rwanda|republic rwanda
SAU saudi arabia|kingdom saudi arabia|ksa
SDN sudan|republic sudan
SEN senegal|republic senegal
SGP singapore|republic singapore
SGS south georgia south sandwich islands
SHN st helena|saint helena
SJM svalbard jan mayen|svalbard jan mayen islands
SLB solomon islands
SLE sierra leone|republic sierra leone
SLV el salvador|republic el salvador
SMR san marino|republic san marino
SOM somalia|federal republic somalia
SPM st pierre miquelon|saint pierre miquelon
SRB serbia|republic serbia
SSD south sudan|republic south sudan
STP sao tome principe|democratic republic sao tome principe
SUR suriname|republic suriname
SVK slovakia|slovak republic
SVN slovenia|republic slovenia
SWE sweden|kingdom sweden
SWZ eswatini|kingdom eswatini|swaziland
SXM sint maarten|sint maarten dutch part
SYC seychelles|republic seychelles
SYR syria|syrian arab republic
TCA turks caicos islands
TCD chad|republic chad
TGO togo|togolese republic
THA thailand|kingdom thailand
TJK tajikistan|republic tajikistan
TKL tokelau
TKM turkmenistan
TLS timor leste|democratic republic timor leste|east timor
TON tonga|kingdom tonga
TTO trinidad tobago|republic trinidad tobago
TUN tunisia|republic tunisia
TUR turkiye|turkey|republic turkey
TUV tuvalu
TWN taiwan
TZA tanzania|united republic tanzania
UGA uganda|republic uganda
UKR ukraine
UMI u s outlying islands|united states minor outlying islands
URY uruguay|eastern republic uruguay
USA united states america|united states|usa|us|america
UZB uzbekistan|republic uzbekistan
VAT vatican city|holy see|vatican
VCT st vincent grenadines|saint vincent grenadines
VEN venezuela|venezuela bolivarian republic|bolivarian republic venezuela
VGB british virgin islands
VIR u s virgin islands|united states virgin islands
VNM vietnam|viet nam|socialist republic viet nam
VUT vanuatu|republic vanuatu
WLF wallis futuna|wallis futuna islands
WSM samoa|independent state samoa
XXA stateless
YEM yemen|republic yemen
ZAF south africa|republic south africa
ZMB zambia|republic zambia
ZWE zimbabwe|republic zimbabwe
`
