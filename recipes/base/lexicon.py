"""Words and sentence templates of the generated corpus, all written for this recipe.

A template is plain text with slots. ``{a|b|c}`` takes one alternative; any other ``{name}`` is
filled by the function of that name in `recipes.base.texts`. Nothing here may contain a marker or
a label word of the later tasks (`recipes.base.corpus.forbidden`).
"""

import random

CATEGORIES: dict[str, tuple[str, ...]] = {
    "animali": tuple(
        "gatto cane cavallo lupo topo coniglio asino leone orso corvo falco serpente "
        "delfino squalo cervo maiale agnello gallo ragno grillo gufo scoiattolo "
        "tartaruga capra pecora mucca gallina rana farfalla formica zanzara balena "
        "volpe tigre giraffa lepre scimmia foca zebra lucertola oca vespa".split()
    ),
    "cibi": tuple(
        "pane formaggio prosciutto riso burro zucchero miele sugo gelato biscotto "
        "pomodoro carciofo fungo aglio risotto minestrone torta pizza mela pera "
        "insalata zuppa frittata cipolla patata carota lasagna marmellata focaccia "
        "bistecca polenta banana fragola zucchina ricotta mozzarella".split()
    ),
    "strumenti musicali": tuple(
        "violino pianoforte flauto tamburo clarinetto oboe trombone sassofono liuto "
        "mandolino organetto chitarra arpa tromba viola fisarmonica batteria "
        "cornamusa ocarina zampogna".split()
    ),
    "mestieri": tuple(
        "medico avvocato fornaio falegname idraulico maestro notaio pescatore muratore "
        "sarto barbiere postino giardiniere elettricista infermiera maestra "
        "sarta attrice pittrice ballerina cuoca contadina scrittrice".split()
    ),
    "veicoli": tuple(
        "treno autobus camion furgone trattore motorino aereo elicottero traghetto "
        "gommone tram taxi bicicletta automobile barca moto nave metropolitana "
        "carrozza funivia ambulanza roulotte".split()
    ),
    "vestiti": tuple(
        "cappello cappotto maglione guanto vestito stivale berretto pigiama calzino "
        "grembiule mantello camicia gonna giacca sciarpa cravatta maglietta scarpa "
        "cintura felpa ciabatta pantofola".split()
    ),
    "mobili": tuple(
        "tavolo armadio divano scaffale letto comodino sgabello cassetto specchio "
        "baule sedia poltrona libreria panca credenza scrivania mensola culla "
        "cassapanca lampada".split()
    ),
    "sport": tuple(
        "calcio tennis nuoto rugby ciclismo judo pugilato canottaggio sci basket "
        "pattinaggio pallavolo scherma ginnastica equitazione vela maratona "
        "pallanuoto atletica arrampicata".split()
    ),
    "colori": tuple(
        "rosso giallo verde azzurro viola arancione marrone grigio turchese beige "
        "indaco bordeaux lilla fucsia ocra".split()
    ),
    "piante": tuple(
        "pino abete ulivo cipresso pioppo salice tiglio faggio castagno girasole "
        "tulipano garofano basilico rosmarino quercia betulla rosa margherita "
        "orchidea edera lavanda felce ortensia magnolia".split()
    ),
}

MASCULINE = (
    "libro giorno anno tempo mondo paese governo problema lavoro modo caso progetto "
    "sistema posto gruppo partito conto mercato servizio corso aiuto sguardo "
    "silenzio ricordo viaggio quaderno giardino castello fiume lago monte bosco "
    "sentiero ponte palazzo cortile quartiere negozio ufficio studio piano muro "
    "tetto cielo mare vento temporale inverno autunno mattino pomeriggio momento "
    "minuto secolo evento racconto romanzo film concerto spettacolo teatro museo "
    "quadro disegno discorso dibattito voto sindaco ministro presidente consiglio "
    "parlamento decreto accordo contratto prezzo costo bilancio reddito stipendio "
    "risparmio investimento prodotto motore computer telefono schermo programma "
    "dato errore segnale metodo risultato esempio motivo effetto aumento calo "
    "limite livello numero valore peso volume spazio punto centro lato bordo fondo "
    "dolore sintomo farmaco esame reparto ricovero intervento controllo trattamento "
    "fratello figlio nonno zio cugino amico vicino ragazzo bambino studente "
    "professore autore lettore attore cantante giocatore allenatore tifoso "
    "campionato pallone gol treno orologio occhio naso braccio piede cuore sangue "
    "sogno pensiero dubbio segreto regalo biglietto bagaglio albergo aeroporto "
    "sapore profumo rumore suono colore zaino specialista psicologo"
).split()

FEMININE = (
    "casa vita storia parte cosa volta mano notte sera mattina settimana ora "
    "stagione estate primavera famiglia madre figlia sorella nonna zia cugina amica "
    "ragazza bambina scuola classe lezione maestra domanda risposta prova ricerca "
    "scienza legge regola riforma proposta scelta decisione elezione campagna "
    "piazza strada via chiesa torre porta finestra cucina camera stanza scala "
    "collina montagna valle spiaggia isola costa pianura foresta pioggia neve "
    "nebbia tempesta luce ombra acqua terra aria fiamma pietra sabbia polvere "
    "lettera parola frase pagina poesia canzone musica voce immagine fotografia "
    "mostra festa cena colazione ricetta bottiglia tazza forchetta valigia borsa "
    "chiave macchina gara squadra partita vittoria sconfitta classifica medaglia "
    "impresa azienda fabbrica banca moneta spesa tassa crisi crescita offerta "
    "richiesta consegna rete pagina macchia idea memoria speranza fortuna pazienza "
    "salute malattia terapia visita diagnosi febbre tosse ferita cura dose "
    "pressione temperatura analisi lesione frattura infezione gola gamba spalla "
    "schiena testa pelle bocca lingua data durata distanza misura quota somma "
    "percentuale media soglia zona regola forma linea curva superficie spiegazione"
).split()

ADJECTIVES = (
    "nuovo vecchio grande piccolo alto basso lungo corto largo stretto bello brutto "
    "buono cattivo caldo freddo chiaro scuro forte debole veloce lento pesante "
    "leggero ricco povero pieno vuoto aperto chiuso vero strano raro comune semplice "
    "difficile facile antico moderno giovane anziano pubblico privato nazionale "
    "locale generale speciale importante famoso ignoto lontano vicino profondo "
    "rotondo quadrato lucido opaco morbido duro dolce amaro salato fresco secco "
    "umido silenzioso rumoroso tranquillo inquieto gentile severo onesto curioso "
    "pigro attento stanco malato sano acuto cronico lieve grave moderato evidente "
    "bilaterale regolare normale ridotto aumentato positivo negativo stabile "
    "rosso giallo verde azzurro grigio bianco nero incredibile assurdo ottimo pessimo"
).split()

VERBS = (
    "vede guarda trova cerca porta prende lascia apre chiude compra vende legge "
    "scrive racconta descrive presenta mostra nasconde cambia ripara costruisce "
    "distrugge sposta solleva attraversa supera raggiunge perde vince conosce "
    "ricorda dimentica ascolta segue evita ama critica difende accusa sostiene "
    "propone rifiuta accetta firma annuncia prepara cucina mangia beve pulisce "
    "organizza dirige controlla misura conta studia insegna impara spiega ripete "
    "immagina disegna fotografa registra riceve manda consegna restituisce"
).split()

PARTICIPLES = (
    "visto trovato cercato portato preso lasciato aperto chiuso comprato venduto letto "
    "scritto raccontato descritto presentato mostrato nascosto cambiato riparato "
    "costruito distrutto spostato sollevato superato raggiunto perso vinto "
    "conosciuto ricordato dimenticato ascoltato seguito evitato criticato difeso "
    "proposto rifiutato accettato firmato annunciato preparato cucinato mangiato "
    "pulito organizzato diretto controllato misurato studiato spiegato ripetuto "
    "immaginato registrato ricevuto mandato consegnato restituito votato chiesto"
).split()

INTRANSITIVE = (
    "dorme corre cammina cade ride piange arriva parte torna resta parla tace "
    "sorride nuota vola cresce nasce aspetta lavora gioca sogna balla canta trema "
    "migliora peggiora funziona scompare appare continua finisce comincia"
).split()

ADVERBS = (
    "sempre spesso ancora presto tardi oggi ieri domani subito piano bene male molto "
    "poco davvero forse quasi lentamente rapidamente improvvisamente finalmente "
    "raramente insieme altrove dappertutto purtroppo ormai appena intanto"
).split()

CONNECTIVES = (
    "inoltre|tuttavia|infatti|perciò|per questo|nel frattempo|in seguito|alla fine|a quanto "
    "pare|secondo alcuni|come previsto|da allora|poco dopo|per fortuna|in ogni caso|di "
    "conseguenza|d'altra parte|così|eppure|in realtà"
).split("|")

FIRST_NAMES = (
    "Marco Luca Giulia Sara Anna Paolo Elena Matteo Chiara Davide Francesca Andrea "
    "Martina Stefano Laura Simone Valentina Roberto Silvia Giorgio Alice Pietro "
    "Irene Tommaso Marta Nicola Beatrice Filippo Lucia Emanuele Teresa Antonio "
    "Caterina Vincenzo Rosa Salvatore Carla Bruno Ada Ettore Olga Ugo Noemi Samir "
    "Fatima Youssef Mei Ivan Ingrid Carlos José Aïcha Zoë Björn"
).split()

EXAMS = (
    "emoglobina|glicemia|creatinina|sodio|potassio|ferritina|albumina|bilirubina|piastrine|"
    "leucociti|globuli bianchi|PCR|VES|TSH|INR|GOT|GPT|LDH|CPK|azotemia|calcemia|colesterolo "
    "totale|trigliceridi|transaminasi|saturazione|frequenza cardiaca|pressione arteriosa|FE|"
    "temperatura|diuresi|peso|BMI|pH|lattati|troponina|proteinuria|fosfatasi alcalina|CA 125|"
    "AFP|CEA|procalcitonina|D-dimero|fibrinogeno|vitamina D|esame colturale|emocoltura|ECG|TC|"
    "RMN|ecografia|ecocardiogramma|radiografia|biopsia|EEG|spirometria|scintigrafia|"
    "elettroforesi|esame obiettivo|IgG|IgM|ANA|HbA1c|FT4|clearance"
).split("|")

FINDINGS = (
    "nella norma|negativo|positiva|assente|presente|v.n.|n.d.|(-)|(+)|++|+++|nei limiti|"
    "lievemente aumentato|ridotta|in aumento|in calo|non dosabile|non reattivo|ai limiti alti|"
    "invariata|elevati|modicamente ridotti|indenne|nella norma per età|borderline|dubbio"
).split("|")

UNITS = (
    "%|mg|g|g/dl|mg/dl|mg/l|µg/l|ng/ml|UI/l|U/l|mmol/l|mEq/l|mmHg|bpm|°C|kg|cm|mm|ml|ml/min|"
    "l/min|mg/kg|mg/die|g/24h|/mm³|10³/μl|x10^9/l|fl|pg|cm²|kg/m²|ore|giorni|mesi|settimane|"
    "anni|ng/dl|µg|cc|mcg|pg/ml|kDa|MHz|km|€|euro|m|gradi|secondi|minuti|GB|kcal"
).split("|")

DRUG_SUFFIXES = (
    "ina olo one ide ato ile azolo micina prazolo sartan statina pril cillina mab".split()
)

EMOJI = (
    "😀 😂 😍 😡 😭 🙏 👍 👏 🔥 ❤️ 🎉 🤔 😅 🙄 🤣 💪 🌍 🇮🇹 ⚽ 🎶 "
    "🐶 🍕 ☀️ 🌧️ ✨ 💔 👀 🤷 🙈 🚀 ✅ ❌ ⚠️ 📌 🏳️‍🌈 👇 ➡️ 🥰 😎 🤦‍♀️"
).split()

SLANG = (
    "boh|mah|vabbè|raga|daje|uffa|dai|beh|ahahah|ahah|lol|cmq|xké|nn|tvb|bella zio|che palle|"
    "ma dai|magari|figurati|mamma mia|che roba|te lo giuro|non ci credo|zero proprio|tipo|anvedi|"
    "ammazza|mannaggia|aò|guagliò|ciapa|ostia|belìn|minchia|sciura|neh|mo'|ndo vai|"
    "nun ce sta|che bboni|annamo|jamme|uè"
).split("|")

CLINICAL = (
    "{Paziente|Caso|Soggetto|Bambino|Ragazzo|Lattante|Signore} di {int} anni, "
    "{giunto in reparto|ricoverato|visitato|inviato dal curante} per {pl} {am} da {int} {unitT}.",
    "{Exam}: {val}.",
    "{Exam} {val}, {exam} {val}, {exam} {val}.",
    "{Exam} {val} ({v.n.|vn|valori normali|rif.} {int}-{int}), {exam} {find}.",
    "{Exam} {find}; {exam} {find}.",
    "Gli esami {ematici|del sangue|di laboratorio|urgenti} {mostravano|mostrano|evidenziavano} "
    "{exam} {val} e {exam} {val}.",
    "{Exam} ed {exam} {nella norma|negativi|positivi|nei limiti}.",
    "{Exam} e {exam} {am}.",
    "Agli esami: {exam} {val}, {exam} {find}, {exam} {val}; {exam} {find}.",
    "In terapia con {drug} {dose} e {drug} {dose}.",
    "{Si inizia|Iniziava|Viene avviata|Si sospende} terapia con {drug} {dose}{| per {int} giorni}.",
    "All'esame obiettivo {N} {am}, {N} {am}, {exam} {val}.",
    "La {TC|RMN|radiografia|PET|ecografia} {del torace|addome|encefalo|cervicale|{dD}} "
    "{mostra|documenta|evidenzia} {I} di {dec} {cm|mm} {ai|in} {D}.",
    "Dopo {int} {giorni|settimane|mesi|ore} di {N}, {exam} {val} {e|con} {exam} {find}.",
    "Nega {N}, {N} e {N}.",
    "Anamnesi: {N} {am}, {N} dal {year}, {N} nel {year}.",
    "Alla visita di controllo del {date}: {exam} {val}; {exam} {val} (precedente {dec}).",
    "{Exam} da {dec} a {dec} {unit} in {int} {giorni|mesi|settimane}.",
    "{Exam} < {int} {unit}, {exam} > {int} {unit}.",
    "PA {int}/{int} mmHg, FC {int} bpm, SpO2 {int}% in aria ambiente, TC {dec}°C.",
    "Il {quadro|decorso|dosaggio|follow-up} {era|è|risultava} {am}, {con|senza} {N} e {N}.",
    "{D} {era|è risultata|appariva} {find}.",
    "Ricerca di {psn} {(-)|(+)|negativa|positiva}, {exam} {find}.",
    "EO: {N} {am}; {N} {am}; {exam} {val}.",
    "{drug}: {dec} {mg|g|ml} x {int}/die, poi {int} {mg|ml} {al mattino|ogni {int} ore|la sera}.",
    "Viene dimesso con diagnosi di {psn} {am} e {N} {am}.",
    "{Exam} ({dec} {unit}), {exam} ({find}), {exam} ({dec} {unit}).",
    "Il valore di {exam} {era|risultava|saliva a|scendeva a} {val} al giorno {int}.",
    "Sindrome di {Sur}: {N} {am}, {N}, {N}.",
    "Familiarità per {N} e {psn} ({nonno|zia|fratello}).",
    "Si richiede {exam}; in attesa di {exam}.",
    "Dopo {drug} ({int} mg/kg/die) {si osserva|si assiste a} {I} {dD}, {exam} {val}.",
    "Peso {dec} kg ({int}° centile), altezza {int} cm, PC {dec} cm.",
    "Tampone per {psn}: {find}. {Exam}: {find}.",
    "Score {Sur} {int}/{int}, grado {I|II|III|IV}, classe {A|B|C}{int}.",
    "Nato a {int}+{int} settimane, peso {int} g, Apgar {int}/{int}.",
    "{Exam} basale {dec}, dopo {int}' {dec}, dopo {int}' {dec} {unit}.",
    "{Exam}, {exam} e {exam}: {find}.",
    "Mutazione c.{int}{A|C|G|T}>{A|C|G|T} del gene {acr}{int} in {omozigosi|eterozigosi}.",
    "Linfonodi {am} ({int} x {int} mm), {N} {find}.",
)

SOCIAL = (
    "{user} {slang}, {D} {v3} {D}!",
    "{slang} {emo} {tag}",
    "ma {solo io|davvero|anche voi|perché} {v3} {D}? {emo}",
    "{tag} {tag} {D} {vi} {adv} {emo}{emo}",
    "Oggi {D} {vi}, domani {D} {vi}. {tag}",
    "{slang}!!! {CAPS}!!!",
    "{CAPS} {CAPS} {CAPS}!!! {user}",
    "RT {user}: {D} {v3} {D} {url}",
    "Non {ne posso più|ci posso credere|capisco} {dD}... {slang} {emo}",
    "buongiorno {a tutti|raga|mondo} {emo} {D} {v3} {D}",
    "{user} {user} ma {chi|cosa|dove} {v3} {D}?? {slang}",
    "Ho appena {vp} {I}, {am} {adv}! {tag}",
    "{int} {pl} e ancora {D} non {vi} {emo}",
    "Qualcuno {mi spiega|sa dirmi|ha capito} {D}? {tag}",
    "che {N} {am}, {slang} {emo}",
    "Comunque {D} di {First} {vi} {adv}, fidatevi.",
    "alle {int}:{int2} {D}, poi {D} e poi {D} {emo}",
    "«{D} {vi}» cit. {user}",
    "Stasera in tv {D} con {First} {Sur} su {Acr} {tag}",
    "grazie {user} per {D}! {emo}",
    "{tag}: {D} {v3} {D}, {slang}",
    "nn riesco a {N}... {slang} {slang} {emo}",
    "A {City} {vi} {D}, a {City} {vi} {D}. {tag}",
    "{First} ha {vp} {D} e io {vi}?? {CAPS} {emo}",
    "se {D} {v3} {D} io {slang} {emo}{emo}{emo}",
    "Top {int}: {N}, {N}, {N} {emo}",
    "{slang}, {slang}... {D} {am}",
    "DAI {CAPS} {int}-{int} {emo} {tag} {tag}",
    "Vendo {N} {am}, {int} €, zona {City}, no perditempo",
    "Il {N} {am} è {adv} {am}. Punto. {tag}",
    "Mi {manca|serve|ricorda} {I}, {ma|però|e} {D} {vi} {adv} {emo}",
    "{psn} {psn} {psn} {emo} {user}",
)

NEWS = (
    "{Name}, {job} di {City}, ha {vp} {I} {inD} {dD}.",
    "{D} di {City} {v3} {D} dal {year}.",
    "Nel {year} {Name} ha {vp} {D} con {Name}.",
    "{Org} ha {vp} {I} da {int} {milioni di euro|euro|posti} a {City}.",
    "Secondo {Name}, {D} {v3} {D}.",
    "«{D} {v3} {D}», ha {dichiarato|detto|scritto|ribadito} {Name}.",
    "{City} è {un comune|una frazione|un borgo|una città} di {int}.{int3} abitanti {am}.",
    "Il {date} {D} ha {vp} {D}.",
    "{Org} e {Org} hanno {firmato|siglato|discusso} {I} {am}.",
    "{Name} ({City}, {year} - {City}, {year}) fu {I} e {I}.",
    "La {N} {af}, {am} nel {year}, {v3} {D}.",
    "Alle {int}.{int2} {D} ha {vp} {D} {inD}.",
    "Il {presidente|portavoce|segretario|direttore} {dD} {Sur} ha {vp} {D}.",
    "{D} è {aumentato|calato|salito} del {pct} rispetto al {year}.",
    "A {City}, {int} {pl} hanno {vp} {D}.",
    "{Name} batte {Name} {int}-{int} e {v3} {D}.",
    "Il fiume {Sur} nasce dal monte {Sur} e attraversa {City}, {City} e {City}.",
    "{Org} ({Acr}) è {I} {am} con sede a {City}.",
    "Il {N} {dD} prevede {int} {pl} e {int} {pl}.",
    "{Name}: «{D} {vi} {adv}».",
    "I {pl} di {City} chiedono {I} {aD}.",
    "Dal {int} al {int} {month} {D} {vi} a {City}.",
    "Per {Name} «{D} {am}» {v3} {D}.",
    "La giunta di {City} ha {vp} {D} con {int} voti a favore e {int} contrari.",
    "{Sur} e {Sur} hanno {vp} {D}, {Sur} invece {vi}.",
    "Il {titolo|dato|prezzo} di {Org} {sale|scende} a {dec} euro ({sign}{dec}%).",
    "{First} e {First} {Sur}, {job} e {job}, vivono a {City}.",
    "La battaglia di {City} ({year}) oppose {D} {aD}.",
    "Il partito di {Sur} {v3} {D}: {int} seggi su {int}.",
    '"{D}" è {il titolo|il nome|il tema} {dD} di {Name}.',
    "In {City}, {provincia|regno|contea} di {City}, {D} {v3} {D}.",
    "Ministri, sindaci e {pl}: {D} {v3} {D}.",
    "Cittadini, {D} {vi}: {D} {v3} {D}!",
    "{Org} {v3} {Org}: {D} {am}.",
    "Fonte: {Org}, {date}.",
    "Trattato di {City}: {D}, {D} e {D}.",
    "{Name} nacque a {City} il {date} da {First} e {First} {Sur}.",
    "Onorevole {Sur}, {D} {v3} {D} {adv}.",
    "Basta con {PL}! Vogliamo {PL} e {PL}.",
    "Il museo {Sur} di {City} conserva {int} {pl} e {I} {am}.",
)

EVERYDAY = (
    "{First} {v3} {D} e {D}.",
    "{D} {v3} {D} {inD}.",
    "{First} ha {vp} {I} {am} per {First}.",
    "{D} e {D} {am} sono {inD}.",
    "Quando {D} {vi}, {D} {v3} {D}.",
    "Se {D} {vi}, allora {D} {vi}.",
    "Ieri {First} ha {vp} {D}, poi ha {vp} {D}.",
    "Lista: {int} {pl}, {int} {pl}, {int} {pl}.",
    "Ricetta: {int} g di {food}, {int} ml di {N}, un po' di {food}.",
    "Mescolare {food} e {food} per {int} minuti, poi aggiungere {food}.",
    "{First} compra {food}, {food} e {food} {dD}.",
    "Nel giardino ci sono {I} {am} e {I} {am}.",
    "{I} {am} {v3} {D}.",
    "Il {colour} è il colore {dD}.",
    "Ho {vp} {int} {pl} {am} e {int} {pl}.",
    "Mio {zio|cugino|fratello|nonno} suona {instr} e {instr}.",
    "Il {job} {v3} {D} {dD}.",
    "{D} costa {dec} euro, {D} costa {dec} euro.",
    "{First} pratica {sport} da {int} anni.",
    "Non trovo {D}: {First}, hai {vp} {D}?",
    "Che cosa {v3} {D}?",
    "Dove {vi} {D} di {First}?",
    "Il {animal} {vi} vicino {aD}.",
    "{First} ha un {animal} di nome {Sur}.",
    "Il treno delle {int}:{int2} per {City} parte dal binario {int}.",
    "Appuntamento: {date}, ore {int}:{int2}, via {Sur} {int}.",
    "Tel. {int}{int2} {int3}{int2}, e-mail {psn}@{psn}.it.",
    "Nella borsa: {N}, {N}, {N}.",
    "{conn}, {D} {vi} {adv}.",
    "{conn}, {D} {v3} {D} e {D} {v3} {D}.",
    "Chi {v3} {D} {v3} anche {D}.",
    "{D} della {zia|nonna|vicina} {vi} da {int} giorni.",
    "{First} si chiede se {D} {vi}.",
    "La {N} {am}: {I}.",
    "Parte {int}: {D}; parte {int}: {D}.",
    "{First} indossa {clothes} e {clothes} {am}.",
    "In casa: {furniture}, {furniture} e {furniture}.",
    "Preferisco {vehicle} {aD}.",
    "Sul balcone cresce {plant}, accanto {aD}.",
    "La maestra ha {vp} {D}; gli alunni hanno {vp} {D}.",
)

LITERARY = (
    "{D} {vi} {adv}, e {D} {am} {v3} {D}.",
    "Era {I} {am}, e {First} {vi} {inD}.",
    "«{D}?» disse {First}. «{D} {vi}.»",
    "O {N} {am}, o {N} {am}, {D} {vi}!",
    "{First} taceva: {D} {v3} {D} come {I} {am}.",
    "Tra {D} e {D}, {I} {vi} {adv}.",
    "– {conn} – rispose {Name} – {D} {vi}.",
    "Non {I}, non {I}, ma {I} {am}.",
    "{D} dorme; {D} veglia; {D} {vi}.",
    "C'era una volta {I} {am} che {v3} {I} {inD}.",
    "Il vecchio {Sur} {v3} {D} con {I} {am}.",
    "Così {D} {v3} {D}, e nessun {N} {v3} {D}.",
    "Quella notte {D} {vi}; all'alba {D} {vi}.",
    "E {D}, e {D}, e {D} {vi} {adv}.",
    "{First}, {First} mia, dov'è {D}?",
    "Capitolo {int}. {D} {v3} {D}.",
    "Perché {vi} {D}, se {D} {vi}?",
    "«{psn}», mormorò {First}, «{psn}».",
    "{D} {dD} {v3} {D} {dD}.",
    "Il {N} {am} {suD} pareva {I}.",
)

OPINION = (
    "Secondo me {D} {am} {vi} {adv}.",
    "{D} è {am}, ma {D} è {am}.",
    "Albergo {am}, {N} {am}, colazione {am}: voto {int}.",
    "Prodotto {am}, arrivato in {int} giorni, {D} {vi}.",
    "Trovo {D} {adv} {am}.",
    "Mi piace {D}, non mi piace {D}.",
    "Film {am}: {D} {vi}, {D} {v3} {D}.",
    "Pro: {N}, {N}. Contro: {N}.",
    "Non consiglio {D}: {N} {am} e {N} {am}.",
    "Bisogna {dire|ammettere|ricordare} che {D} {v3} {D}.",
    "Credo che {D} {am} {adv}.",
    "Il servizio {dD} è {am}, {conn} {D} {vi}.",
    "A mio parere {D} non {v3} {D}.",
    "{int} stelle: {N} {am}, {N} {am}.",
    "Chi critica {D} non conosce {D}.",
)

SPANISH = (
    "El {psn} de {City} {compra|mira|tiene|escribe} una {psn} {grande|pequeña|vieja}.",
    "Ayer {First} fue a {City} y no encontró {la casa|el perro|nada}.",
    "¿Dónde está {First}? Está en {City}.",
    "Me gusta {leer|bailar|el pan|la playa}, pero no {el café|la lluvia|correr}.",
    "Cuando era {niño|joven}, {First} vivía en {City} con {int} hermanos.",
    "En {year} mi familia viajó a {City} y compró {int} libros.",
    "Los {psn}s son {buenos|malos|rápidos} y también {psn}s.",
    "Hoy hace mucho {frío|calor} en {City}, ¡qué {psn}!",
    "Mi profesora {First} {Sur} enseña {música|historia} desde {year}.",
    "Después de la {cena|clase} fuimos al {cine|mercado|parque}.",
)

ENGLISH = (
    "The {psn} of {City} {sees|takes|likes|opens} a {psn} {near the river|every day|again}.",
    "{First} has {int} {books|friends|dogs} and a {psn}.",
    "In {year} {Name} moved to {City} with the {psn} team.",
    "Where is the {psn}? It was {here|there|on the table} {int} minutes ago.",
    "I {think|believe|know} that {First} will {come|leave|write} tomorrow.",
    "This {house|street|word|garden} is {old|new|very small}, isn't it?",
    "{Org} said on {Monday|Friday} that {int}% of the {psn}s were {good|lost|new}.",
    "She {wrote|read|found} the {letter|paper} and {closed|opened} the {door|window}.",
    "Breaking: {psn} {psn} in {City}, {int} people {waiting|running}.",
    "If it rains, the {psn} {stays|goes} home.",
)


def _names(count: int) -> tuple[str, ...]:
    """Draws names that nobody bears, of two or three syllables, the same each time."""
    rng = random.Random("names")
    onsets = "b br c d dr f g gl l m n p pr r s sp t tr v z".split()
    out: dict[str, None] = {}
    while len(out) < count:
        syllables = [rng.choice(onsets) + rng.choice("aeiou") for _ in range(rng.choice((2, 2, 3)))]
        out[rng.choice(("", "", "l", "n", "r", "s")).join(syllables).capitalize()] = None
    return tuple(out)


NAMES = _names(600)
"""Invented names of persons and places, which the samples use too. Each is a piece of the
tokenizer, as frequent names are in tokenizers of large models."""

COMMON = tuple(
    """
    che non una del della con sono come più dei questo nel anche delle dell gli alla label
    lemma perché era questa cui all essere nella cosa noi fare quello dal loro tutti molto
    anni quando prima abbiamo poi solo quindi sua hanno tutto quella fatto parte due suo
    sempre degli vita dalla tra così uno stato tempo mondo ancora alle sul persone mio modo
    mia sia questi ogni dove dopo aveva senza siamo può proprio nostro dire quel oggi queste
    grande sulla mai nell lavoro altri cose nei nostra qualche nelle dall quale esempio volta
    altro qui punto tutte già però stesso quanto chi bene casa giorno momento lui avere invece
    viene stata tanto erano voi meno allora contro qualcosa primo tre sta vedere quelle deve
    città forse dai storia fino secondo nuovo realtà suoi adj volte nostri fosse importante
    via caso detto dalle tutta problema andare altre poco fine quali mentre dice sotto sistema
    ora persona possono verso quasi anno soprattutto capire possiamo dello stessa far egli fra
    cioè insieme paese senso certo governo giorni progetto bisogno agli lei sue dentro vero
    col sarebbe quelli ciò attraverso occhi visto fuori alcuni possibile vista negli avuto
    meglio sulle avevo oltre ricerca dobbiamo tipo mano nostre grandi veramente parole
    particolare aver fanno circa base molti miei subito legge luce sei sui donne avrebbe porta
    pensare stati dato scuola mezzo politica fronte dare spesso vedete futuro posto guerra
    nuova uomini vengono conto sarà tale gruppo forma nome durante grado forza valore dati
    nuove maniera successo troppo ero cos bambini sull generale campo spazio situazione
    soltanto corpo parola terra adesso rispetto milioni cuore serie nessuno strada parlare
    grazie poter possibilità seconda creare ben vuole lungo difficile niente piccolo qualcuno
    comune relazione centro sociale natura tanti quell mesi problemi stanno trovare voglio
    avevano periodo allo diversi semplice facciamo territorio capacità luogo primi musica
    infatti partito venne ore prendere livello stiamo quei nello bisogna disse gente altra
    alcune bambino società presente faccio vivere quattro forte tecnologia completamente male
    morte siano appunto piano diventa magari intorno specie state propria chiama posso dagli
    nulla vuol notte domanda testa voce poteva numero tante famiglia processo studio passato
    nuovi comunque macchina potrebbe sviluppo cercare almeno prodotto sapere amici cambiare
    facendo seguito avete mare lavorare italiano diverse mettere diverso padre portare sembra
    furono piccola corso stessi essa libertà dietro mie diritto giovani hai faccia fece cinque
    popolo fondo arrivare devono credo mani sera buona ormai sopra pochi fatta diventare
    vogliamo lettera perch ragazzi appena possa gioco sola quest bella conoscenza davanti
    condizioni davvero piedi causa alto avanti vicino cervello modello fatti energia idea
    viaggio pubblico questione metri pensiero secolo ultimi film fondamentale acqua scritto
    genere libro potere italiani movimento mercato idee paesi risposta formazione popolazione
    ovviamente madre informazioni stare attività dovuto semplicemente aziende dieci lingua
    faceva assolutamente figli sicurezza visione potuto molte dolore oppure stava preso
    costruire diversa presidente opera esperienza necessario giro tratta nazionale qualsiasi
    deciso animali tempi pur figlio devo messo pace avesse capo prodotti mente basso vediamo
    abbastanza passo cibo doveva cultura difficoltà vede abbia vera vanno punti umano linea
    percorso significa vostra reale qua sentire letto avrei trova posizione maggiore foto
    trovato ragione lotta farlo esiste diceva ruolo serve entrare italiana risultato
    cambiamento presso ricordo dico anzi gran dicono robot voluto oggetti sto pensate tuttavia
    finale sole concetto guardare naturale produzione case capito migliore pubblica sappiamo
    bello rischio prime mamma voleva maggior differenza crisi ordine portato piccoli vorrei
    parti fede giusto arriva sogno realizzare riesce addirittura essi importanti affrontare
    permette termine data dovrebbe vostro lavori esattamente passione strumenti massa adv
    scelta comunicazione memoria resto piuttosto interesse unico passaggio chiave tuo pensato
    succede responsabilità nessun riguarda rapporto strumento studiare umani atto utilizzare
    controllo soluzione immagini risultati neanche facile riuscire buon storie parla titolo
    programma ebbe imparare rete cielo fortuna diciamo miliardi economico forze pareva
    elementi partire dunque casi computer servizio tua media complesso collaborazione
    personale breve propri sicuramente raggiungere iniziato coi vento fatica politico spirito
    presenza varie comunità aperto interessante signora chiesto carta sociali chiesa occasione
    malattia sistemi mese moglie lontano riferimento materiale studi zona voglia veniva volevo
    sentito ella partiti piace struttura alta progetti partita servizi desiderio ottenere
    oggetto terzo devi giovane tecnologie libri fossero popolare colore risorse fase pure
    piccole cominciato cittadini materia tema sangue pieno digitale pratica necessità saranno
    genitori creato vari volontà sito lunga estremamente coscienza anima ecco funziona perchè
    azione capitale signore frase qualità diritti scoperto squadra pianeta montagna civile
    sforzo bellezza minuti scienza chiaro speranza articolo fuoco prova aspetto ambiente
    verità with presto condizione leggere siete conoscere accordo opere nonostante macchine
    scopo passare vogliono inoltre rendere scrivere sicuro materiali nasce maggioranza
    contatto amico discussione usare regole presenti forme internazionale esso pare aiuto
    ministro ragazzo campagna ultimo studenti attorno parlato euro uscire settimana funzione
    attivit classe aria vivo piante naturalmente misura giornata salute economia are ultima
    teatro interno indietro coppia distanza spalle effetti venire disposizione settore aiutare
    stesse cura tornare imprese direttamente attenzione confronti termini motivo stampa
    elemento ponte dimensione sanno andiamo domande soldi permesso festa mostra mette penso
    segno difesa chiamato uso finalmente qual piena centrale proposta leggi andato inglese
    simile design domani parlando raccontare carattere potete quanti certa organi batteria
    giocare settembre coraggio discorso stanza piacere soli proposito principale proprie
    andava camera merito cercato mattina tali purtroppo luoghi produrre terreno bianco
    interessi cerca qualunque grave stile relazioni continuare comuni ufficio cambia esistono
    basta importanza tecnica sapeva sette incontro significato figlia velocità superare
    migliaia battaglia calcio centinaia bel danno tanta principio francese troviamo risolvere
    enorme gruppi ambito superiore infine limiti mezzi impegno minore vennero rigore metodo
    ognuno com caratteristiche comprendere vive credere continua this stagione riguardo quegli
    imparato linguaggio poche metà costruzione scuole sapete fin pensiamo dallo valori
    paziente sede gennaio organo sogni ieri migliori colori lato maggio impossibile puoi
    poiché nemmeno cercando messaggio sar rispondere dicembre posti sarebbero vedo anch
    immaginare provare resistenza occhio matematica ovvero violenza coloro rivoluzione
    esistenza riusciamo obiettivo team crescita entro novembre emozioni generazione arte
    avrebbero cellule fratello limite applicazione paio rappresenta esperienze nero democrazia
    compito settimane fatte was sorella momenti seguire militare moneta organizzazione strade
    libero assieme solito artificiale sacco conosciamo arrivato video mantenere altrimenti
    stelle terza realt fiori contrario aprile scorso fiume testo continuo alberi contenuti
    disegno locale aspetti marzo accettare sfida modelli marito vecchia politiche ritorno
    umana raccolta finito effettivamente elezioni vecchio attuale utile economica cento
    malattie decisione morto effetto fenomeno teoria comando passa eravamo chiede scoprire
    evidente prospettiva peso diventato buono lasciare pari mondiale rende aperta giugno sud
    carriera from utilizzato immagine son sala prende laboratorio esercito ricevuto vostri
    principi ragioni entra realizzato superficie bocca nato corsa rapporti sugli figura
    amministrazione perdere onde vincere certi deputati legno suolo notizia inizio successivo
    ciclo europea tardi possano guarda favore potesse beni funzioni denaro dovere attimo
    fisica politici vissuto accanto processi unica capelli mangiare fondamentali fai verde
    morale bomba straordinaria potrà evitare campi diretto trovano sorta educazione strutture
    abitanti esseri viviamo atmosfera definizione prossimo esercizio cominciare scegliere
    guida rimane locali percezione colpa cambiato valutazione otto indice particolarmente
    giornale parliamo capace comportamento sviluppare permettono dicendo profondo perso
    socialisti ottobre prezzo nord obiettivi linee lasciato lavoratori azioni avvenire
    silenzio sembrava alcun considerazione correre pianta racconto presa veloce pericolo
    costruito sentimento plastica prese esse volo piu dimensioni
    """.split()
)
"""Frequent words, most frequent first, as counted in the sentences of NERMuD, WiC-ITA and DisCoTEX
(no labels), so that ordinary Italian has few pieces and these have been trained."""
