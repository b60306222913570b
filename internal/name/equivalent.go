package name

import "strings"

// likeEquivalent is the likeness of two forms of one name that spelling does
// not explain: Joseph and Yusuf, William and Bill. Less than a spelling
// variant: the bearers of one form seldom use all others.
const likeEquivalent = 0.88

// Equivalent names the group of forms of one name that a token belongs to, ""
// for most tokens. Two tokens of a group are one name.
func Equivalent(text string) string { return equivalents[text] }

// equivalents maps a folded token to the first form of its group: forms that
// languages and families give one name. They were chosen from general
// knowledge of names, not from any list that herald is measured with.
var equivalents = groups(`
	alexander aleksandr alexandre alejandro oleksandr sasha sascha iskandar iskander eskandar alex alessandro sandro aliaksandr aleksander aleksandar xander
	alexei alexey aleksei alyosha oleksiy oleksii alexis
	amadeus amadeo
	andrei andrey andrew andre andreas andrzej andres andriy andrii andy
	anthony antonio anton antoine tony antoni antonin
	basil vasily vasili vasil vasyl vassily
	benjamin binyamin benyamin benny bibi
	charles carlos karl carl carlo karol charlie
	catherine katherine ekaterina yekaterina katarina katerina kate katya kathryn catalina kateryna
	christopher christoph cristobal krzysztof kristof chris christophe kristofer
	daniel daniil danilo danny danyal daniyal dani dan
	david dawud daud davud daoud dawood davit dave
	dmitri dmitry dmytro dimitri dima dmitriy dimitrios dimitar
	edward eduard eduardo edouard eddie
	elizabeth elisabeth yelizaveta elizaveta isabel lisa liza beth betty elisabetta
	eugene yevgeny evgeny evgeni yevgeniy eugenio yevhen evgen evgenii zhenya eugen
	francis francisco francois franz francesco frank franco
	frederick friedrich federico fred frederic
	gabriel jibril jabril djibril jibrail gavriil
	george georgi georgy giorgi georgios jorge jerzy yuri yury yurii georges giorgio georg
	gregory grigory grigori gregorio hryhorii grzegorz
	helen elena yelena olena helena
	henry heinrich enrique henri enrico henrik harry
	ibrahim abraham ebrahim ibragim ibrahima avraham abram
	ilya elias ilias elijah ilia illia ilyas
	isaac ishaq yitzhak itzhak ishak isak
	jacob yaqub yakub yakov iakov jakob jacques yaqoub yacoub
	james jim jimmy jaime
	john ivan juan jean johann johannes giovanni joao jan hans ioan ioannis sean jack johnny vanya hovhannes
	joseph yusuf yousef yosef jose giuseppe josef iosif jozef yusef youssef joe josip
	leo lev leon
	louis luis luigi ludwig lewis
	luke luca lukas lucas
	margaret margarita margarete marguerite maggie
	mark marco marcus marc markus marek
	mary maria marie maryam mariam miriam
	matthew mateo matthias matteo mateusz matvei matthieu
	michael mikhail miguel michel michele mikail mikael michal mykhailo mike misha
	moses musa moshe moisei moise moussa
	nicholas nikolai nicolas nikolas mykola nicola nick nikolay mikolaj klaus nikolaos
	paul pavel pablo paolo pavlo pavlos bulus boulos pawel
	peter pyotr petr pedro pierre pietro piotr petro boutros butrus petros
	philip felipe filip philippe philippos
	raphael rafael
	richard ricardo dick riccardo
	robert roberto bob bobby
	samuel shmuel samuil sam
	sergei sergey serge sergio serhii serhiy sergiu
	simon semyon simeon shimon
	solomon suleiman sulayman suleyman shlomo soliman sulaiman
	sophia sofia sofiya sophie
	stephen steven stefan esteban stephane stepan etienne steve istvan stefano
	theodore fyodor feodor fedor teodor theodoros ted teddy theo
	thomas tomas tommaso tom tommy
	vladimir volodymyr wladimir uladzimir vova
	vyacheslav viacheslav slava
	william wilhelm guillermo guillaume bill willem billy
	xavier javier
	albert alberto bert
	alfred alfredo fred alf
	arthur arturo artur art
	barbara varvara barb
	cecilia cecile cecily
	clement clemente kliment
	constantine konstantin constantin kostya kostas konstantinos
	cyril kirill kiril kyrylo
	deborah devorah debbie
	dennis denis denys
	dominic domingo dominique domenico dominik
	emmanuel manuel emanuel imanuel manolo
	ernest ernesto ernst
	esther ester
	eve eva hawa havva
	ezekiel hezekiel
	felix feliks
	gerald gerardo gerard gerhard gherardo
	gilbert gilberto
	hugh hugo ugo
	ignatius ignacio ignaz ignace
	ishmael ismail ismael esmail ismoil ismayil
	jerome jeronimo hieronymus girolamo
	jeremiah jeremy yeremia irmiya jeremias
	job ayub ayoub eyup ayyub
	jonah yunus younes younis yunis yonas jonas
	jonathan yonatan jonatan
	joshua yehoshua josue yeshua yusha
	judith yehudit judit judy
	julian julio julius jules giulio yulian
	laurence lorenzo laurent lawrence larry lars lavrenti
	leonard leonardo leonid
	martin martino marten
	maurice mauricio moritz mauro
	max maxim maksim massimo maksym maxime maximilian
	natalia natasha natalya nathalie
	noah nuh nuuh
	nathan natan
	oliver olivier oliviero
	patrick patricio patrice paddy pat
	ralph raoul
	rebecca rebeka rivka
	roger rogelio ruggero
	roland rolando orlando
	ronald ronaldo ron
	rudolph rudolf
	ruth rut
	sarah sara sarai
	sebastian sebastien
	susan susana suzanne shoshana susanna
	timothy timofey timoteo tim
	valentine valentin valentino
	vincent vicente vincenzo
	walter gualterio
	aaron harun haroun haroon aron
	ezra uzair
	gulam ghulam golam
	jafar cafer djafar dzhafar
	juma jumah jomaa djouma
	khalid halit haled
	umar omar omer oumar umer
	abubakar abukar boubacar bubakar abubakr aboubacar
	salih saleh swaleh salah
	zaynab zainab zeinab zeynep
	qasim kasim kassem ghasem gasim kacem
	rahim rakhim raheem
	latif lateef lutif
	shaykh sheikh
	yahya yahia jahja
	zachary zakaria zakariya zechariah zakhar zacharias
	muhammad mohammad mohammed mohamed mohamad muhammed mehmet mehmed magomed mukhammad mamadou mohd muhd mhd
	ahmad ahmed akhmed akhmad ahmet amadou
	hasan hassan khasan khassan hassane
	hussein husayn khusein guseyn huseyin hossein
	hamid khamid gamid
	fatima fatma fatemeh fatoumata
	aisha aysha aicha ayse
	khadija khadidja hatice hadiza
	uthman osman othman usman ousmane
	ri li yi rhee lee
	pak park bak
	choe choi
	yim lim rim
	no roh noh ro
`)

func groups(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		first := ""
		for w := range strings.FieldsSeq(line) {
			w = fold(w)
			if first == "" {
				first = w
			}
			out[w] = first
		}
	}
	return out
}
