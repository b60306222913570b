package ct

// Person is the subject of a notification, or of an entry of a State's own
// list. Everything but one name is optional. There is no field for religion,
// ethnicity, political opinion, union membership, health or sexual life, and
// decoding refuses fields that are not here.
type Person struct {
	Names           []Name          `json:"names,omitempty"`
	Births          []Birth         `json:"births,omitempty"`
	BirthPlaces     []PlaceOfLife   `json:"birth_places,omitempty"`
	Nationalities   []State         `json:"nationalities,omitempty"`
	Residence       []PlaceOfLife   `json:"residence,omitempty"`
	Sex             Sex             `json:"sex,omitempty"`
	Documents       []Document      `json:"documents,omitempty"`
	NationalIDs     []NationalID    `json:"national_ids,omitempty"`
	Contacts        []PersonContact `json:"contacts,omitempty"`
	Physical        *Physical       `json:"physical,omitempty"`
	Biometrics      *Biometrics     `json:"biometrics_available,omitempty"`
	ExternalRefs    []ExternalRef   `json:"external_refs,omitempty"`
	MisusedIdentity *Misused        `json:"misused_identity,omitempty"`
	AsylumOrRefugee bool            `json:"asylum_or_refugee,omitempty"` // conflicts with the addressee rule: a human decides
	FledFrom        []State         `json:"fled_from,omitempty"`         // States from which the person needs protection; see HasFled
}

// Fact is what every value of a person may carry beside itself.
type Fact struct {
	Confidence string `json:"confidence,omitempty"` // Europol 4x4 information code: 1, 2, 3 or 4
	SourceRef  string `json:"source_ref,omitempty"` // the author's own reference, opaque to others
}

// NameKind says what a name is.
type NameKind string

// The closed list of name kinds.
const (
	NamePrimary     NameKind = "primary"
	NameAlias       NameKind = "alias"
	NameNomDeGuerre NameKind = "nom-de-guerre"
	NameMaiden      NameKind = "maiden"
	NameDocument    NameKind = "document"
)

// Name is one name of a person. Parts are ordered and unlabelled: half of the
// world's names have no given and family half. At least one of Parts and Full
// is present; Full is the parts joined when the author gave only parts.
type Name struct {
	Kind    NameKind `json:"kind,omitempty"` // empty: primary
	Parts   []string `json:"parts,omitempty"`
	Full    string   `json:"full,omitempty"`
	Script  string   `json:"script,omitempty"`   // ISO 15924, Latn when empty
	Lang    string   `json:"lang,omitempty"`     // BCP 47
	Quality string   `json:"quality,omitempty"`  // good or low
	MRZ     string   `json:"mrz_form,omitempty"` // ICAO 9303 machine-readable form
	Fact
}

// Birth is a date of birth as EDTF level 1 (ISO 8601-2): 1965, 1965-07,
// 1965-07-04, 1965~, 1960/1965. Several births of one person are alternatives.
type Birth struct {
	Date     string `json:"date"`
	Calendar string `json:"calendar,omitempty"` // gregorian (default), hijri, solar-hijri: of the source, Date is Gregorian
	Fact
}

// PlaceOfLife is a place of birth or residence; Text is kept as the source wrote it.
type PlaceOfLife struct {
	State State  `json:"state,omitempty"`
	Text  string `json:"text,omitempty"`
	Fact
}

// Sex is the ICAO 9303 code M, F or X. It is missing in most sources and is
// never a key of matching.
type Sex string

// Document is a travel or identity document. Type is an ICAO 9303 code
// (P, PD, PS, V, AC, I, A, C) or a PAXLST DOC 1001 code (IP, F).
type Document struct {
	Type    string `json:"type,omitempty"`
	Number  string `json:"number"`
	Issuer  State  `json:"issuer,omitempty"`
	Issued  string `json:"issued,omitempty"`  // EDTF
	Expires string `json:"expires,omitempty"` // EDTF
	Status  string `json:"status,omitempty"`  // valid, lost, stolen, revoked, fraudulent
	MRZ     string `json:"mrz,omitempty"`     // lines joined by \n
	Fact
}

// NationalID is an identity number outside a document.
type NationalID struct {
	Country State  `json:"country"`
	Scheme  string `json:"scheme,omitempty"`
	Value   string `json:"value"`
	Fact
}

// PersonContact is a phone number or e-mail address of the person. It is carried
// as it is or not at all: of ten thousand million phone numbers every hash is
// found in minutes, and members share no secret that could key one.
type PersonContact struct {
	Kind  string `json:"kind"` // phone, email
	Value string `json:"value"`
	Fact
}

// Physical description. Zero means not known.
type Physical struct {
	HeightCM uint32   `json:"height_cm,omitempty"`
	WeightKG uint32   `json:"weight_kg,omitempty"`
	Eyes     string   `json:"eyes,omitempty"` // INTERPOL colour codes, e.g. BRO
	Hair     string   `json:"hair,omitempty"`
	Marks    []string `json:"marks,omitempty"`
	Fact
}

// Biometrics says what exists and whom to ask; biometrics never travel.
type Biometrics struct {
	Face        bool   `json:"face,omitempty"`
	Fingerprint bool   `json:"fingerprint,omitempty"`
	Iris        bool   `json:"iris,omitempty"`
	DNA         bool   `json:"dna,omitempty"`
	Contact     string `json:"contact,omitempty"`
}

// ExternalRef names the person in another system, e.g. {un, QDi.001}.
type ExternalRef struct {
	System string `json:"system"` // un, interpol, national, wikidata, other
	Value  string `json:"value"`
}

// Misused describes the victim of an impersonation (SIS Art 62): the person
// whose identity the subject uses, so that the victim is not taken for the subject.
type Misused struct {
	Names     []Name     `json:"names,omitempty"`
	Births    []Birth    `json:"births,omitempty"`
	Documents []Document `json:"documents,omitempty"`
	Note      string     `json:"note,omitempty"`
}
