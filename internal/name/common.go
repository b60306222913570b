package name

// common are the names that very many people bear, given names and family
// names of all parts of the world, as they are mostly written. Sharing one says
// less about two persons than sharing any other. They were chosen from general
// knowledge of names, not from any list that herald is measured with. Those of
// two or three letters weigh less by their length already.
var common = foldedTable([]weighted{{weightCommon, `
	ali khan omar umar hussein husain hosein abdullah abdallah yusuf yousef ibrahim ismail salim saleh salih khalid
	rahman karim aziz jan gul shah musa abdu amir said saeed akhundzada mustafa mahmoud mahmud hamid hamza bilal
	jamal kamal nasir nasser tariq tarek walid majid rashid bashir sami samir faisal fahd sultan abbas jafar
	habib latif qasim kassem yahya zakaria yaqub ayub idris ilyas haroun harun younis younes anwar ashraf adel adil
	imran usman othman osman iqbal akbar akram aslam anis arif asad asif jabir hakim halim nabil nader omer osama
	usama rafiq raza reza mehdi mahdi mohsen masoud mansour mansur munir mukhtar murad najib nur noor qadir rahim
	rahmat sabir sadiq saif salah salman sharif shahid suleiman sulaiman taha tahir talib wahid yasin yasir yassin
	zahid ziad zia zubair bakr abubakar fadel farid faruq farouk fathi fawzi fuad ghani hadi hassan haidar haydar
	hashim hisham hossein ahmadi mohammadi hosseini karimi rezaei moradi khalil khalifa mubarak sayed sheikh malik
	mirza mohsin murtaza nawaz rana siddiqui ansari qureshi hashmi bibi begum fatima khadija aisha zainab zaynab
	maryam mariam amina layla leila salma samira nadia huda hanan amal iman abdulaziz abdi farah warsame diallo bah
	barry sow camara traore coulibaly keita toure kone cisse sylla ndiaye diop fall sarr ba mamadou amadou ibrahima
	moussa ousmane oumar issa adama abdoulaye boubacar aminata
	wang zhang chen liu yang zhao huang zhou wu xu sun zhu guo lin luo liang song tang deng feng peng zeng xiao tian
	dong pan yuan jiang cai du ye cheng wei su lu ding ren shen yao lu jun ming hua jie hui hong ping qiang lei
	kim lee park choi jung jeong kang cho yoon jang lim han shin kwon hwang ahn song ryu hong chong chol jong yong
	myong song chang kwang hyok kyong nam sung il su ho min
	nguyen tran le pham hoang huynh phan vu vo dang bui do ngo duong van thi anh minh
	sato suzuki takahashi tanaka watanabe ito yamamoto nakamura kobayashi kato yoshida yamada
	singh kumar sharma gupta patel das roy devi lal ram prasad verma yadav reddy rao nair joshi shah mehta jain
	chaudhary chaudhry mishra pandey thakur bhai raj ravi sanjay rajesh amit anil sunil vijay suresh ramesh mohan
	begum islam hossain uddin alam miah sarkar chowdhury rahaman
	maria jose juan luis carlos jorge pedro miguel antonio francisco manuel javier fernando rafael roberto ricardo
	eduardo alejandro sergio daniel andres diego pablo mario oscar victor raul jesus angel alberto enrique ramon
	ana rosa carmen luz marta laura patricia sandra gloria martha
	garcia rodriguez martinez hernandez lopez gonzalez perez sanchez ramirez torres flores rivera gomez diaz reyes
	morales cruz ortiz gutierrez chavez ramos ruiz alvarez mendoza vasquez castillo jimenez moreno romero herrera
	medina aguilar vargas castro fernandez guzman munoz mendez salazar soto delgado rojas vega contreras rios santos
	silva souza oliveira pereira costa ferreira rodrigues almeida lima carvalho joao paulo
	john david michael james robert william mary thomas charles george joseph richard paul peter mark daniel andrew
	stephen kevin brian edward patrick anthony eric simon martin henry frank jack jean pierre michel philippe andre
	claude jacques francois marie anne louis laurent christian emmanuel gaston alain bernard gerard
	smith jones brown johnson williams miller davis wilson taylor anderson thomas jackson white martin thompson
	hans peter karl klaus wolfgang jurgen heinz muller schmidt schneider fischer weber meyer wagner becker hoffmann
	giovanni giuseppe marco rossi russo ferrari
	ivan alexander alexandr aleksandr vladimir sergey sergei andrey andrei dmitry dmitri alexei alexey nikolai nikolay
	mikhail igor oleg viktor victor yuri pavel anatoly boris vasily roman ruslan denis maxim evgeny anton konstantin
	ivanov petrov sidorov smirnov popov kuznetsov volkov elena olga tatiana natalia irina svetlana anna ekaterina
	mehmet mustafa ahmet huseyin yilmaz kaya demir celik sahin ozturk aydin
	samuel joshua moses isaac jacob abraham elias emmanuel innocent
`}})

// commonSkeleton covers the many spellings of the most frequent names of all:
// Muhammad and Mahmud, Ahmad and Hamid, Hassan and Hussein.
var commonSkeleton = table([]weighted{{weightCommon, `mhmt ahmt hsn`}})

// foldedTable reads words as they are written.
func foldedTable(rows []weighted) map[string]uint8 {
	out := map[string]uint8{}
	for text, weight := range table(rows) {
		out[fold(text)] = weight
	}
	return out
}
